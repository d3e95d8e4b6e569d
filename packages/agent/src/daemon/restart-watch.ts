import type { RunId } from "@nixfleet/protocol";
import { createSerial, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { EventCursor, SpoolReader } from "../spool/event-reader.ts";
import { runnerLayout } from "../spool/layout.ts";
import { TakenRequest } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";

const BATCH_BYTES = 64 * 1024;

export interface RestartWatchDeps {
  runnerDir: string;
  spool: Pick<SpoolReader, "openEvents">;
  /** The name of this process. */
  instance: string;
  log: Log;
  onRestart: () => void;
}

/** Reads the active run of `restart-agent`, whether the link is up or not, for the event that tells this very process to end. */
export interface RestartWatch extends AsyncDisposable {
  begin(runId: RunId): Promise<void>;
  changed(runId: RunId): Promise<void>;
  end(runId: RunId): Promise<void>;
}

export function createRestartWatch({ runnerDir, spool, instance, log, onRestart }: RestartWatchDeps): RestartWatch {
  const cursors = new Map<RunId, EventCursor>();
  /** Runs whose request is not written yet. */
  const undecided = new Set<RunId>();
  const serial = createSerial({ onError: (error) => log.error("restart-unreadable", { message: messageOf(error) }) });

  const decide = async (runId: RunId) => {
    const request = await readStrangerJson(runnerLayout(runnerDir).run(runId).request, TakenRequest);
    if (request.kind === "missing") return;
    undecided.delete(runId);
    if (request.kind === "ok" && request.value.op === "restart-agent") cursors.set(runId, spool.openEvents(runId, 0));
  };
  const read = async (runId: RunId) => {
    if (undecided.has(runId)) await decide(runId);
    const cursor = cursors.get(runId);
    if (cursor === undefined) return;
    for (;;) {
      const next = await cursor.read(BATCH_BYTES);
      if (next.kind === "fault" || next.events.length === 0) return;
      if (next.events.some((event) => event.kind === "restart" && event.instance === instance)) onRestart();
    }
  };
  const end = async (runId: RunId) => {
    undecided.delete(runId);
    const cursor = cursors.get(runId);
    cursors.delete(runId);
    await cursor?.[Symbol.asyncDispose]();
  };

  return {
    begin(runId) {
      undecided.add(runId);
      return serial.add(() => read(runId));
    },
    changed: (runId) => (undecided.has(runId) || cursors.has(runId) ? serial.add(() => read(runId)) : Promise.resolve()),
    end: (runId) => serial.add(() => end(runId)),
    async [Symbol.asyncDispose]() {
      await serial.settled();
      for (const runId of [...cursors.keys()]) await end(runId);
    },
  };
}
