import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";

/** Paths below the daemon's state directory. The daemon writes there; the runner reads, and removes what it has taken. */
export interface DaemonLayout {
  readonly queue: string;
  /** Lies in the queue when a runner is wanted though nothing is requested: a killed one has left a run, or the repository is to be looked at. */
  readonly wake: string;
  readonly cancel: string;
  readonly acknowledged: string;
  readonly status: string;
  request(runId: RunId): string;
  cancelRequest(runId: RunId): string;
}

export function daemonLayout(stateDir: string): DaemonLayout {
  const queue = join(stateDir, "queue");
  const cancel = join(stateDir, "cancel");
  return {
    queue,
    wake: join(queue, "wake.json"),
    cancel,
    acknowledged: join(stateDir, "acked.json"),
    status: join(stateDir, "daemon.json"),
    request: (runId) => join(queue, `${runId}.json`),
    cancelRequest: (runId) => join(cancel, runId),
  };
}

/** Paths of one run's spool. */
export interface RunLayout {
  readonly dir: string;
  readonly request: string;
  readonly events: string;
  /** Who wrote the events, once that is more than one. */
  readonly writers: string;
  readonly outcome: string;
  /** There once the output in the events was cut, so that it is done once. */
  readonly outputCut: string;
  /** Which processes work on it: for whoever finds the run after its runner was killed. */
  readonly process: string;
  /** Space held back, so that the end of the run can be written when the disk is full. */
  readonly reserve: string;
  /** Garbage-collector root of what was built. */
  readonly result: string;
  /** What the activation prints, and how it ended: files, so that it does not depend on the runner's life. */
  readonly activationOutput: string;
  readonly activationStatus: string;
  /** The same of the program that makes it permanent. */
  readonly permanentOutput: string;
  readonly permanentStatus: string;
  /** Garbage-collector roots of what ran before, of what is deployed, and of the agent that would undo. */
  readonly roots: string;
  /** What an undo printed, and how it ended. */
  readonly undoOutput: string;
  readonly undone: string;
}

/** Paths below the runner's state directory. The runner alone writes there. */
export interface RunnerLayout {
  readonly runs: string;
  readonly clone: string;
  /** When the clone was last fetched, and why not since. */
  readonly cloneState: string;
  readonly deployments: string;
  readonly lock: string;
  /** Held by a person's own run on this host, and while it waits for its turn: runners give way to it. */
  readonly byHandLock: string;
  /** The armed dead-man switch, and who may touch it. */
  readonly deadman: string;
  readonly deadmanLock: string;
  /** What the operating system lets the runner do, as it last found out. */
  readonly access: string;
  /** Starts the agent that armed the dead-man switch, whatever agent is installed by then. */
  readonly deadmanProgram: string;
  run(runId: RunId): RunLayout;
}

export function runnerLayout(runnerDir: string): RunnerLayout {
  const runs = join(runnerDir, "runs");
  return {
    runs,
    clone: join(runnerDir, "repo"),
    cloneState: join(runnerDir, "clone.json"),
    deployments: join(runnerDir, "deployments.jsonl"),
    lock: join(runnerDir, "runner.lock"),
    byHandLock: join(runnerDir, "by-hand.lock"),
    deadman: join(runnerDir, "deadman.json"),
    deadmanLock: join(runnerDir, "deadman.lock"),
    access: join(runnerDir, "access.json"),
    deadmanProgram: join(runnerDir, "deadman-program"),
    run: (runId) => {
      const dir = join(runs, runId);
      return {
        dir,
        request: join(dir, "request.json"),
        events: join(dir, "events.jsonl"),
        writers: join(dir, "writers.json"),
        outcome: join(dir, "outcome.json"),
        outputCut: join(dir, "output-cut"),
        process: join(dir, "process.json"),
        reserve: join(dir, "reserve"),
        result: join(dir, "result"),
        activationOutput: join(dir, "activation.log"),
        activationStatus: join(dir, "activation.status"),
        permanentOutput: join(dir, "permanent.log"),
        permanentStatus: join(dir, "permanent.status"),
        roots: join(dir, "roots"),
        undoOutput: join(dir, "undo.log"),
        undone: join(dir, "undo.json"),
      };
    },
  };
}
