import type { HostRow, RouteInput, RunSummary } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { createContext, lazy, type ReactNode, Suspense, useCallback, useContext, useMemo, useState } from "react";
import { notify } from "../components/toast.tsx";
import { call, createSend, isUnanswered, ProblemError, type Send } from "../live/api.ts";
import { useSession } from "../shell/session.ts";
import { messageOf } from "./message-of.ts";
import type { Risk } from "./op-dialog.tsx";
import { markPending, settlePending } from "./pending-ops.ts";
import { asksFirst, joinNames, leadsToChanges, type OpStart, specialisationsToAsk, splitByDenial } from "./requests.ts";
import { toastQueued, toastRefused, toastStartedMany, toastStartFailed } from "./start-toasts.ts";

const OpDialog = lazy(() => import("./op-dialog.tsx"));

/** Called with the run that started, for an op on one host. */
type OnStarted = (run: RunSummary) => void;

export interface StartOptions {
  readonly onStarted?: OnStarted;
  /** What the run would do that needs to be agreed to: it starts once a person has forced it in a dialog that says so. */
  readonly risk?: Risk;
}

interface Ops {
  /**
   * Starts an op on hosts. A dialog asks first for more than one host, for a forced run, for one that takes something away, for an op
   * that has a question or needs the password, and for a switch of a host that has specialisations. A preview of a switch opens the page
   * that shows it, unless `onStarted` does something else.
   */
  readonly start: (start: OpStart, rows: readonly HostRow[], options?: StartOptions) => void;
  /** Cancels a run. */
  readonly cancel: (run: RunSummary) => Promise<void>;
}

const OpsContext = createContext<Ops | null>(null);

export function useOps(): Ops {
  const ops = useContext(OpsContext);
  if (ops === null) throw new Error("Ops can be started only below the signed-in frame.");
  return ops;
}

/** An op that waits for an answer in its dialog. */
interface Question {
  /** A new question is another dialog. */
  readonly number: number;
  readonly start: OpStart;
  readonly rows: readonly HostRow[];
  readonly options: StartOptions;
  readonly sends: Sends;
}

/** The requests of one decision: sent again after no answer came, they keep their keys. */
interface Sends {
  readonly one: Send<"startRun">;
  readonly many: Send<"startRuns">;
}

const createSends = (): Sends => ({ one: createSend("startRun"), many: createSend("startRuns") });

/** Starts runs for the whole page: sends the request, shows it as pending at once, and reports the result. */
export function OpsProvider({ children }: { children: ReactNode }) {
  const { person } = useSession();
  const navigate = useNavigate();
  const [question, setQuestion] = useState<Question | undefined>();
  const ask = useCallback((start: OpStart, rows: readonly HostRow[], options: StartOptions) => {
    setQuestion((before) => ({
      number: (before?.number ?? 0) + 1,
      start,
      rows,
      options,
      sends: createSends(),
    }));
  }, []);
  const send = useCallback(
    async (start: OpStart, rows: readonly HostRow[], sends: Sends, options: StartOptions, proof?: Proof) => {
      const { onStarted } = options;
      const force = (refused: readonly HostRow[]) => ask({ ...start, force: true }, refused, options);
      const [only] = rows;
      if (rows.length !== 1 || only === undefined) return startMany(start, rows, sends, force, proof);
      if (!onStarted && leadsToChanges(start)) void navigate({ to: "/hosts/$host/changes", params: { host: only.name } });
      return startOne(start, only, sends, force, proof, onStarted);
    },
    [navigate, ask],
  );
  const start = useCallback<Ops["start"]>(
    (wanted, rows, options = {}) => {
      const { allowed, denied } = splitByDenial(rows, wanted.op, person.role);
      const [only] = allowed;
      const isChoice = specialisationsToAsk(wanted, allowed).length > 0 || options.risk !== undefined;
      if (rows.length > 1 || (only && (wanted.force || isChoice || asksFirst(wanted.op, rows.length))))
        ask(wanted, rows, options);
      else if (only) void send(wanted, [only], createSends(), options);
      else if (denied[0]) toastRefused(wanted, denied[0].row.name, denied[0].reason);
    },
    [person.role, ask, send],
  );
  const ops = useMemo(() => ({ start, cancel: cancelRun }), [start]);
  return (
    <OpsContext value={ops}>
      {children}
      <Suspense>
        {question && (
          <OpDialog
            key={question.number}
            start={question.start}
            split={splitByDenial(question.rows, question.start.op, person.role)}
            risk={question.options.risk}
            onClose={() => setQuestion(undefined)}
            onAnswer={async ({ start: answered, rows, proof }) => {
              // Without a proof, the page shows the pending run. With one, the dialog waits until the proof is accepted.
              if (proof === undefined) setQuestion(undefined);
              await send(answered, rows, question.sends, question.options, proof);
              setQuestion((now) => (now === question ? undefined : now));
            }}
          />
        )}
      </Suspense>
    </OpsContext>
  );
}

type Proof = NonNullable<RouteInput<"startRun">["body"]["proof"]>;
/** Asks whether to force the hosts that refused. */
type Force = (refused: readonly HostRow[]) => void;

/** Reports the result in a toast. @throws when the proof was rejected or no answer came: the dialog stays open */
async function startOne(
  start: OpStart,
  row: HostRow,
  sends: Sends,
  force: Force,
  proof?: Proof,
  onStarted?: OnStarted,
): Promise<void> {
  markPending([row.id], start.op);
  try {
    const run = await sends.one({ params: { host: row.id }, body: { ...start, ...(proof && { proof }) } });
    settlePending([row.id], true);
    if (run.state === "queued") toastQueued(run);
    onStarted?.(run);
  } catch (error) {
    settlePending([row.id], false);
    if (asksAgain(error, proof)) throw error;
    toastStartFailed(start, row.name, error, {
      onForce: () => force([row]),
      onRetry: () => void startOne(start, row, sends, force, proof, onStarted),
    });
  }
}

async function startMany(start: OpStart, rows: readonly HostRow[], sends: Sends, force: Force, proof?: Proof): Promise<void> {
  const ids = rows.map((row) => row.id);
  markPending(ids, start.op);
  try {
    const { items } = await sends.many({ body: { ...start, hosts: ids, ...(proof && { proof }) } });
    settlePending(ids, true);
    toastStartedMany(start, rows, items, force);
  } catch (error) {
    settlePending(ids, false);
    if (asksAgain(error, proof)) throw error;
    toastStartFailed(start, joinNames(rows.slice(0, 3).map((row) => row.name)), error, {
      onForce: () => force(rows),
      onRetry: () => void startMany(start, rows, sends, force, proof),
    });
  }
}

/** Whether the dialog stays open: the proof was rejected, or no answer came. A toast would have to keep the proof. */
function asksAgain(error: unknown, proof: Proof | undefined): boolean {
  return isAboutProof(error) || (proof !== undefined && isUnanswered(error));
}

/** Whether the proof was missing, rejected, or not checked because of too many attempts. */
function isAboutProof(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  return ["second-factor-required", "second-factor-wrong", "too-many-attempts"].includes(error.problem.code);
}

async function cancelRun(run: RunSummary): Promise<void> {
  try {
    await call("cancelRun", { params: { run: run.id } });
  } catch (error) {
    // It ended in the meantime: there is nothing to cancel.
    if (error instanceof ProblemError && error.problem.code === "run-ended") return;
    notify({ status: "broken", title: `${run.title} was not cancelled`, detail: messageOf(error) });
  }
}
