import { ActiveState, type HostId } from "@nixfleet/protocol";
import type { Logger } from "../logger.ts";
import { type Confirmations, createConfirmations } from "./confirmation.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createHostReports, type HostReports } from "./host-reports.ts";
import { createRunCommands, type RunCommands, type RunCommandsDeps } from "./run-commands.ts";
import { createRunDeadlines } from "./run-deadlines.ts";

/** Runs: who may start, what is at work on each host, what waits behind it, and how each ends. */
export interface Runs extends RunCommands, HostReports, Confirmations, AsyncDisposable {
  /** After a restart: no host is connected, and time has passed. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunsDeps extends RunCommandsDeps {
  log: Logger;
  randomBytes(size: number): Buffer;
}

const UNFINISHED = [...ActiveState.options];

export function createRuns(deps: RunsDeps): Runs {
  const { store, clock, log, presence, randomBytes } = deps;
  const deadlines = createRunDeadlines({ store, clock, log, dispatcher: () => dispatcher });
  const dispatcher = createDispatcher({ log, clock, presence, randomBytes, wakeAt: (at) => deadlines.wakeAt(at) });

  const reports = createHostReports({ store, clock, log, presence }, dispatcher);
  const runs: Runs = {
    ...createRunCommands(deps, dispatcher),
    ...reports,
    ...createConfirmations({ store, clock, presence }),
    async start() {
      // Nobody is connected yet: runs at work have lost their link, and what waits says so.
      const rows = await store.db.selectFrom("runs").select("host_id").distinct().where("state", "in", UNFINISHED).execute();
      await Promise.all(rows.map(({ host_id }) => reports.linkDown(host_id as HostId)));
      await deadlines.wake();
    },
    stop: () => deadlines.stop(),
    [Symbol.asyncDispose]: () => runs.stop(),
  };
  return runs;
}
