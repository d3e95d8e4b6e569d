import { type HostRow, opDeclaration, type RunSummary } from "@nixfleet/protocol";
import { createContext, lazy, type ReactNode, Suspense, useCallback, useContext, useMemo, useState } from "react";
import { notify } from "../components/toast.tsx";
import { countOf } from "../format/quantity.ts";
import { call, ProblemError } from "../live/api.ts";
import { useSession } from "../shell/session.ts";
import { messageOf } from "./message-of.ts";
import { namesInWords, type OpStart, splitByDenial } from "./requests.ts";
import { markSent, settleSent } from "./sent.ts";

const ConfirmOp = lazy(() => import("./confirm-op.tsx"));

interface Ops {
  /** Starts an op on hosts. More than one asks first, with their names and their count. */
  readonly start: (start: OpStart, rows: readonly HostRow[]) => void;
  /** Cancels a run. */
  readonly cancel: (run: RunSummary) => Promise<void>;
}

const OpsContext = createContext<Ops | null>(null);

export function useOps(): Ops {
  const ops = useContext(OpsContext);
  if (ops === null) throw new Error("This part of the page starts ops, which can be done after signing in.");
  return ops;
}

/** The one way from a click to a run: sends it, shows it as sent at once, and says what came of it. */
export function OpsProvider({ children }: { children: ReactNode }) {
  const { person } = useSession();
  const [asking, setAsking] = useState<{ start: OpStart; rows: readonly HostRow[] } | undefined>();
  const start = useCallback<Ops["start"]>(
    (wanted, rows) => {
      const { allowed, denied } = splitByDenial(rows, wanted.op, person.role);
      const [only] = allowed;
      if (rows.length > 1) setAsking({ start: wanted, rows });
      else if (only) void startOne(wanted, only);
      else if (denied[0]) tellRefused(wanted, denied[0].row.name, denied[0].reason);
    },
    [person.role],
  );
  const ops = useMemo(() => ({ start, cancel: cancelRun }), [start]);
  return (
    <OpsContext value={ops}>
      {children}
      <Suspense>
        {asking && (
          <ConfirmOp
            start={asking.start}
            split={splitByDenial(asking.rows, asking.start.op, person.role)}
            onClose={() => setAsking(undefined)}
            onConfirm={(rows) => {
              setAsking(undefined);
              void startMany(asking.start, rows);
            }}
          />
        )}
      </Suspense>
    </OpsContext>
  );
}

async function startOne(start: OpStart, row: HostRow): Promise<void> {
  markSent([row.id], start.op);
  try {
    const run = await call("startRun", { params: { host: row.id }, body: { ...start, force: false } });
    settleSent([row.id], true);
    if (run.state === "queued") tellQueued(run);
  } catch (error) {
    settleSent([row.id], false);
    tellFailed(start, row.name, error);
  }
}

async function startMany(start: OpStart, rows: readonly HostRow[]): Promise<void> {
  const ids = rows.map((row) => row.id);
  markSent(ids, start.op);
  try {
    const { items } = await call("startRuns", { body: { ...start, force: false, hosts: ids } });
    settleSent(ids, true);
    const refused = items.filter((item) => item.refused !== null);
    const queued = items.filter((item) => item.run?.state === "queued").length;
    const { label } = opDeclaration(start.op);
    const began = items.length - refused.length;
    if (began > 0) {
      notify({
        status: "working",
        fact: `${label}: ${countOf(began, "host")} began`,
        ...(queued > 0 && { follows: `${countOf(queued, "host")} of them will begin when they can.` }),
      });
    }
    const [first] = refused;
    if (first?.refused) {
      const name = rows.find((row) => row.id === first.host || row.name === first.host)?.name ?? first.host;
      notify({
        status: "broken",
        fact: `${label}: ${countOf(refused.length, "host")} refused`,
        follows: `${name}: ${first.refused.sentence} ${first.refused.next}`,
      });
    }
  } catch (error) {
    settleSent(ids, false);
    tellFailed(start, namesInWords(rows.slice(0, 3).map((row) => row.name)), error);
  }
}

async function cancelRun(run: RunSummary): Promise<void> {
  try {
    await call("cancelRun", { params: { run: run.id } });
  } catch (error) {
    // It ended in the meantime, which is what was wanted.
    if (error instanceof ProblemError && error.problem.code === "run-ended") return;
    notify({ status: "broken", fact: `${run.title} was not cancelled`, follows: messageOf(error) });
  }
}

function tellQueued(run: RunSummary): void {
  const undo = async () => {
    try {
      await call("cancelRun", { params: { run: run.id } });
    } catch (error) {
      notify({ status: "broken", fact: "It could not be undone", follows: messageOf(error) });
    }
  };
  notify({
    status: "ok",
    fact: `${run.title} on ${run.hostName} queued`,
    follows: run.sentence,
    action: { label: "Undo", press: () => void undo() },
  });
}

function tellRefused(start: OpStart, host: string, reason: string): void {
  notify({ status: "broken", fact: `${opDeclaration(start.op).label} on ${host} was not started`, follows: reason });
}

function tellFailed(start: OpStart, host: string, error: unknown): void {
  tellRefused(start, host, messageOf(error));
}
