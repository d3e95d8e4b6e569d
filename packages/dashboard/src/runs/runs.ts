import type { Logger } from "../logger.ts";
import { type Confirmations, createConfirmations } from "./confirmation.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createHostReports, type HostReports } from "./host-reports.ts";
import type { LogLimits } from "./log-append.ts";
import { createRunCommands, type RunCommands, type RunCommandsDeps } from "./run-commands.ts";
import { createRunDeadlines } from "./run-deadlines.ts";

/** Runs: authorization, dispatching, reports of hosts, and outcomes. */
export interface Runs extends RunCommands, HostReports, Confirmations, Pick<Dispatcher, "endRuns">, AsyncDisposable {
  /** Call it after a restart: no host is connected, and deadlines may have passed. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunsDeps extends RunCommandsDeps {
  log: Logger;
  randomBytes(size: number): Buffer;
  logLimits: LogLimits;
}

export function createRuns(deps: RunsDeps): Runs {
  const { store, clock, log, presence, randomBytes, logLimits } = deps;
  const deadlines = createRunDeadlines({ store, clock, log, presence, dispatcher: () => dispatcher });
  const dispatcher = createDispatcher({ log, clock, presence, randomBytes, wakeAt: (at) => deadlines.wakeAt(at) });

  const reports = createHostReports({ store, clock, log, presence, logLimits }, dispatcher);
  const runs: Runs = {
    ...createRunCommands(deps, dispatcher),
    ...reports,
    ...createConfirmations({ store, clock, presence }),
    endRuns: dispatcher.endRuns,
    async start() {
      // No host is connected yet: active runs have lost their link, and queued ones wait for their host.
      const rows = await store.db
        .selectFrom("runs")
        .select("host_id")
        .distinct()
        .where("ended_at", "is", null)
        .where("host_id", "is not", null)
        .execute();
      await Promise.all(rows.flatMap(({ host_id }) => (host_id === null ? [] : [reports.linkDown(host_id)])));
      await deadlines.wake();
    },
    stop: () => deadlines.stop(),
    [Symbol.asyncDispose]: () => runs.stop(),
  };
  return runs;
}
