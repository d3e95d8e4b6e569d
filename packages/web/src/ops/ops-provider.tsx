import type { HostRow, RouteInput, RunSummary } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { createContext, lazy, type ReactNode, Suspense, useCallback, useContext, useMemo, useState } from "react";
import { notify } from "../components/toast.tsx";
import { call, createSend, isUnanswered, ProblemError, type Send } from "../live/api.ts";
import { useSession } from "../shell/session.ts";
import { messageOf } from "./message-of.ts";
import { asksFirst, leadsToChanges, namesInWords, type OpStart, splitByDenial } from "./requests.ts";
import { markSent, settleSent } from "./sent.ts";
import { toastQueued, toastRefused, toastStartedMany, toastStartFailed } from "./start-toasts.ts";

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

/** An op that a person is asked about before it starts. */
interface Question {
  /** A new question is another dialog. */
  readonly number: number;
  readonly start: OpStart;
  readonly rows: readonly HostRow[];
  readonly begun: Begun | undefined;
  readonly sends: Sends;
}

/** Sends what one decision comes to: pressed again after a call that got no answer, it is the same request. */
interface Sends {
  readonly one: Send<"startRun">;
  readonly many: Send<"startRuns">;
}

const createSends = (): Sends => ({ one: createSend("startRun"), many: createSend("startRuns") });

/** The one way from a click to a run: sends it, shows it as sent at once, and says what came of it. */
export function OpsProvider({ children }: { children: ReactNode }) {
  const { person } = useSession();
  const navigate = useNavigate();
  const [question, setQuestion] = useState<Question | undefined>();
  const ask = useCallback((start: OpStart, rows: readonly HostRow[], begun?: Begun) => {
    setQuestion((before) => ({
      number: (before?.number ?? 0) + 1,
      start,
      rows,
      begun,
      sends: createSends(),
    }));
  }, []);
  const send = useCallback(
    async (start: OpStart, rows: readonly HostRow[], sends: Sends, begun?: Begun, proof?: Proof) => {
      const force = (refused: readonly HostRow[]) => ask({ ...start, force: true }, refused, begun);
      const [only] = rows;
      if (rows.length !== 1 || only === undefined) return startMany(start, rows, sends, force, proof);
      if (!begun && leadsToChanges(start)) void navigate({ to: "/hosts/$host/changes", params: { host: only.name } });
      return startOne(start, only, sends, force, proof, begun);
    },
    [navigate, ask],
  );
  const start = useCallback<Ops["start"]>(
    (wanted, rows, begun) => {
      const { allowed, denied } = splitByDenial(rows, wanted.op, person.role);
      const [only] = allowed;
      if (rows.length > 1 || (only && (wanted.force || asksFirst(wanted.op, rows.length)))) ask(wanted, rows, begun);
      else if (only) void send(wanted, [only], createSends(), begun);
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
          <AskOp
            key={question.number}
            start={question.start}
            split={splitByDenial(question.rows, question.start.op, person.role)}
            onClose={() => setQuestion(undefined)}
            onAnswer={async ({ start: answered, rows, proof }) => {
              // What needs no proof is on its way: the page shows it. Else the dialog waits for what the proof comes to.
              if (proof === undefined) setQuestion(undefined);
              await send(answered, rows, question.sends, question.begun, proof);
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

/** Says what came of it. @throws where the proof is to be given again, or its answer never came: the dialog asks again */
async function startOne(start: OpStart, row: HostRow, sends: Sends, force: Force, proof?: Proof, begun?: Begun): Promise<void> {
  markSent([row.id], start.op);
  try {
    const run = await sends.one({ params: { host: row.id }, body: { ...start, ...(proof && { proof }) } });
    settleSent([row.id], true);
    if (run.state === "queued") toastQueued(run);
    begun?.(run);
  } catch (error) {
    settleSent([row.id], false);
    if (asksAgain(error, proof)) throw error;
    toastStartFailed(start, row.name, error, {
      onForce: () => force([row]),
      onRetry: () => void startOne(start, row, sends, force, proof, begun),
    });
  }
}

async function startMany(start: OpStart, rows: readonly HostRow[], sends: Sends, force: Force, proof?: Proof): Promise<void> {
  const ids = rows.map((row) => row.id);
  markSent(ids, start.op);
  try {
    const { items } = await sends.many({ body: { ...start, hosts: ids, ...(proof && { proof }) } });
    settleSent(ids, true);
    toastStartedMany(start, rows, items, force);
  } catch (error) {
    settleSent(ids, false);
    if (asksAgain(error, proof)) throw error;
    toastStartFailed(start, namesInWords(rows.slice(0, 3).map((row) => row.name)), error, {
      onForce: () => force(rows),
      onRetry: () => void startMany(start, rows, sends, force, proof),
    });
  }
}

/** Whether the dialog stays: the proof was not accepted, or nothing is known of it. No proof is kept for later. */
function asksAgain(error: unknown, proof: Proof | undefined): boolean {
  return isAboutProof(error) || (proof !== undefined && isUnanswered(error));
}

/** Whether the proof was asked for and not accepted, or not looked at because there were too many. */
function isAboutProof(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  return ["second-factor-required", "second-factor-wrong", "too-many-attempts"].includes(error.problem.code);
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
