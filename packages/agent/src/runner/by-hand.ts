import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { encodeUlid, OPS, OpName, type OpRequest, type Outcome, type RunId } from "@nixfleet/protocol";
import { type Clock, type ProcessIdentity, takeLock } from "@nixfleet/runtime";
import { createSpoolReader } from "../spool/event-reader.ts";
import { runnerLayout } from "../spool/layout.ts";
import { beginRun, wait } from "../spool/run-record.ts";
import type { RequestRecord } from "../spool/shapes.ts";
import type { RunnerConfig, RunnerDeps } from "./deps.ts";
import { recoverRuns } from "./recover.ts";
import { createRedactor, readHostSecrets } from "./redactor.ts";
import { runOne } from "./run-one.ts";
import { prune, undoLeftover } from "./runner.ts";

const POLL_MS = 100;

export interface ByHandRun {
  /** What is to be done, decided when nobody else works on this host any more. A text says why there is nothing. */
  ask: () => Promise<OpRequest | string>;
  force: boolean;
  /** The person, for the log. */
  askedBy: string;
  /** Cancels as the page's Cancel does. */
  cancelled: AbortSignal;
  /** Another run is active and is waited for. */
  onWait: (owner: ProcessIdentity) => void;
  /** The run has its spool. */
  onBegin: (runId: RunId) => void;
}

export type ByHandEnd =
  | { kind: "ended"; runId: RunId; outcome: Outcome }
  /** Nothing was begun. */
  | { kind: "refused"; reason: string }
  | { kind: "cancelled" };

/**
 * Does one run for a person on the host itself, in this very process, with all that a run has: a spool, a dead-man switch, a place
 * in the ledger. No dashboard is asked or told. It waits until no runner is active; runners make way for it between two runs.
 */
export async function runByHand(deps: RunnerDeps, run: ByHandRun): Promise<ByHandEnd> {
  const { runnerDir } = deps.config;
  const layout = runnerLayout(runnerDir);
  await mkdir(layout.runs, { recursive: true, mode: 0o750 });
  const turn = await takeLock(layout.byHandLock);
  if (!turn.ok) return { kind: "refused", reason: `Process ${turn.owner.pid} is already doing this for another person.` };
  await using _turn = turn.lock;
  const lock = await takeInTurn(layout.lock, deps.clock, run);
  if (lock === undefined) return { kind: "cancelled" };
  await using _lock = lock;

  const redact = createRedactor(await readHostSecrets(deps));
  // What was taken and not begun is the next runner's.
  await recoverRuns(deps, redact);
  await undoLeftover(deps);
  const opRequest = await run.ask();
  if (typeof opRequest === "string") return { kind: "refused", reason: opRequest };
  const request = requestOf(opRequest, run, deps.clock.now());
  await beginRun(layout.run(request.runId), request);
  run.onBegin(request.runId);
  await runOne({ ...deps, config: configByHand(deps.config) }, request, redact, run.cancelled);
  await undoLeftover(deps);
  await prune(deps);
  const outcome = await createSpoolReader(runnerDir).outcome(request.runId);
  if (outcome.kind !== "ok") throw new Error(`the run has ended without an outcome: ${outcome.kind}`);
  return { kind: "ended", runId: request.runId, outcome: outcome.value.outcome };
}

/**
 * What the host's configuration keeps a dashboard from doing, it does not keep from whoever is root here and could do it anyway:
 * any op, and with force an older commit. Which commits are trusted stays as it is.
 */
function configByHand(config: RunnerConfig): RunnerConfig {
  return { ...config, allowedOps: OpName.options, allowRewind: true };
}

async function takeInTurn(path: string, clock: Clock, { cancelled, onWait }: ByHandRun) {
  for (let isFirst = true; !cancelled.aborted; isFirst = false) {
    const taken = await takeLock(path);
    if (taken.ok) return taken.lock;
    if (isFirst) onWait(taken.owner);
    await wait(clock, POLL_MS);
  }
  return undefined;
}

function requestOf({ op, args }: OpRequest, { askedBy, force }: ByHandRun, now: number): RequestRecord {
  const random = BigInt(`0x${randomBytes(10).toString("hex")}`);
  return {
    runId: encodeUlid((BigInt(now) << 80n) | random) as RunId,
    op,
    args,
    commit: null,
    deadline: OPS[op].deadline,
    askedBy,
    force,
    receivedAt: now,
    byHand: true,
  };
}
