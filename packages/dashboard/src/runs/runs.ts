import type { FromDashboard } from "@nixfleet/protocol";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { SharedWrites } from "../store/index.ts";
import { dueAt } from "./advance.ts";
import { type Confirming, createConfirming } from "./confirmation.ts";
import { createDispatching, type RunChange } from "./dispatcher.ts";
import { createHostReports, type HostReports } from "./host-reports.ts";
import type { Run } from "./run.ts";
import { type Asking, type AskingDeps, createAsking } from "./run-commands.ts";
import { createWaking } from "./run-deadlines.ts";

/** Runs: who may start, what is at work on each host, what waits behind it, and how each ends. */
export interface Runs extends Asking, HostReports, Confirming, AsyncDisposable {
  /** After a restart: no host is connected, and time has passed. */
  start(): Promise<void>;
  /** Sends what is to be sent and says what changed. */
  announce(changes: readonly RunChange[]): void;
  stop(): Promise<void>;
}

export interface RunsDeps extends AskingDeps {
  writes: SharedWrites;
  bus: Bus;
  log: Logger;
  randomBytes(size: number): Buffer;
}

export function createRuns(deps: RunsDeps): Runs {
  const { store, writes, bus, clock, log, links, randomBytes } = deps;
  const dispatching = createDispatching({ clock, links, randomBytes });
  const waking = createWaking({ store, writes, clock, log, dispatching, announce });

  function announce(changes: readonly RunChange[]): void {
    for (const { run, effects, lastLine, shown } of changes) {
      for (const effect of effects) {
        links.send(run.hostId, effect === "sendStart" ? startMessage(run) : { type: "cancelRun", runId: run.id });
      }
      if (lastLine !== null) bus.emit("run.logged", { runId: run.id, lastLine });
      if (shown) bus.emit("run.changed", { runId: run.id, hostId: run.hostId });
      const due = dueAt(run);
      if (due !== null) waking.wakeAt(due);
    }
  }

  const runs: Runs = {
    ...createAsking(deps, dispatching, announce),
    ...createHostReports({ clock, links }, dispatching),
    ...createConfirming({ store, clock, links }),
    async start() {
      const changes = await store.write(async (trx) => {
        const rows = await trx.selectFrom("runs").selectAll().where("state", "in", ["starting", "running"]).execute();
        const dropped: RunChange[] = [];
        for (const row of rows) dropped.push(...(await dispatching.apply(trx, row, { kind: "linkDown" })));
        return dropped;
      });
      announce(changes);
      await waking.sleep();
    },

    announce,
    async stop() {
      waking.stop();
    },
    [Symbol.asyncDispose]: () => runs.stop(),
  };
  return runs;
}

function startMessage(run: Run): FromDashboard {
  const { op, args } = run.request;
  const { id: runId, commit, deadline, askedBy, force, confirmSecret } = run;
  // A run that an earlier version has sent has none, and asks for none.
  const secret = confirmSecret === null ? {} : { confirmSecret };
  return { type: "startRun", runId, op, args, commit, deadline, askedBy, force, ...secret };
}
