import { type HostRow, opDeclaration, type RouteInput, type RouteOutput, type RunSummary } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { createContext, lazy, type ReactNode, Suspense, useCallback, useContext, useMemo, useState } from "react";
import { notify } from "../components/toast.tsx";
import { countOf } from "../format/quantity.ts";
import { call, ProblemError } from "../live/api.ts";
import { useSession } from "../shell/session.ts";
import { messageOf } from "./message-of.ts";
import { asksFirst, leadsToChanges, namesInWords, type OpStart, splitByDenial } from "./requests.ts";
import { markSent, settleSent } from "./sent.ts";

const AskOp = lazy(() => import("./ask-op.tsx"));

/** Called with the run that began, where one host was asked. */
type Begun = (run: RunSummary) => void;

interface Ops {
  /**
   * Starts an op on hosts. More than one asks first, with their names and their count; so does an op that has a question or wants the
   * password. A preview of what a switch would change leads to where that is shown, unless `begun` does something else.
   */
  readonly start: (start: OpStart, rows: readonly HostRow[], begun?: Begun) => void;
  /** Cancels a run. */
  readonly cancel: (run: RunSummary) => Promise<void>;
}

const OpsContext = createContext<Ops | null>(null);

export function useOps(): Ops {
  const ops = useContext(OpsContext);
  if (ops === null) throw new Error("This part of the page starts ops, which can be done after signing in.");
  return ops;
}

interface Asking {
  readonly start: OpStart;
  readonly rows: readonly HostRow[];
  readonly begun: Begun | undefined;
}

/** The one way from a click to a run: sends it, shows it as sent at once, and says what came of it. */
export function OpsProvider({ children }: { children: ReactNode }) {
  const { person } = useSession();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<Asking | undefined>();
  const send = useCallback(
    async (start: OpStart, rows: readonly HostRow[], begun?: Begun, proof?: Proof) => {
      const [only] = rows;
      if (rows.length !== 1 || only === undefined) return startMany(start, rows, proof);
      if (!begun && leadsToChanges(start)) void navigate({ to: "/hosts/$host/changes", params: { host: only.name } });
      return startOne(start, only, proof, begun);
    },
    [navigate],
  );
  const start = useCallback<Ops["start"]>(
    (wanted, rows, begun) => {
      const { allowed, denied } = splitByDenial(rows, wanted.op, person.role);
      const [only] = allowed;
      if (rows.length > 1 || (only && asksFirst(wanted.op, rows.length))) setAsking({ start: wanted, rows, begun });
      else if (only) void send(wanted, [only], begun);
      else if (denied[0]) tellRefused(wanted, denied[0].row.name, denied[0].reason);
    },
    [person.role, send],
  );
  const ops = useMemo(() => ({ start, cancel: cancelRun }), [start]);
  return (
    <OpsContext value={ops}>
      {children}
      <Suspense>
        {asking && (
          <AskOp
            start={asking.start}
            split={splitByDenial(asking.rows, asking.start.op, person.role)}
            onClose={() => setAsking(undefined)}
            onAnswer={async ({ start: answered, rows, proof }) => {
              // What needs no proof is on its way: the page shows it. Else the dialog waits for what the proof comes to.
              if (proof === undefined) setAsking(undefined);
              await send(answered, rows, asking.begun, proof);
              setAsking(undefined);
            }}
          />
        )}
      </Suspense>
    </OpsContext>
  );
}

type Proof = NonNullable<RouteInput<"startRun">["body"]["proof"]>;

/** Says what came of it. @throws ProblemError where the proof was not accepted: nothing was started, and it can be given again */
async function startOne(start: OpStart, row: HostRow, proof?: Proof, begun?: Begun): Promise<void> {
  markSent([row.id], start.op);
  try {
    const run = await call("startRun", { params: { host: row.id }, body: { ...start, force: false, ...(proof && { proof }) } });
    settleSent([row.id], true);
    if (run.state === "queued") tellQueued(run);
    begun?.(run);
  } catch (error) {
    settleSent([row.id], false);
    if (isAboutProof(error)) throw error;
    tellFailed(start, row.name, error);
  }
}

async function startMany(start: OpStart, rows: readonly HostRow[], proof?: Proof): Promise<void> {
  const ids = rows.map((row) => row.id);
  markSent(ids, start.op);
  try {
    const { items } = await call("startRuns", { body: { ...start, force: false, hosts: ids, ...(proof && { proof }) } });
    settleSent(ids, true);
    tellBegun(start, rows, items);
  } catch (error) {
    settleSent(ids, false);
    if (isAboutProof(error)) throw error;
    tellFailed(start, namesInWords(rows.slice(0, 3).map((row) => row.name)), error);
  }
}

/** Whether the proof was asked for and not accepted, or not looked at because there were too many. */
function isAboutProof(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  return ["second-factor-required", "second-factor-wrong", "too-many-attempts"].includes(error.problem.code);
}

function tellBegun(start: OpStart, rows: readonly HostRow[], items: RouteOutput<"startRuns">["items"]): void {
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
