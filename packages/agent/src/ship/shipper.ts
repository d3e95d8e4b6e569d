import {
  type FromAgentOf,
  type FromDashboardOf,
  MAX_FRAME_BYTES,
  MAX_UNACKNOWLEDGED_BYTES,
  type RunEvent,
  type RunId,
} from "@nixfleet/protocol";
import { messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { EventCursor, SpoolReader } from "../spool/event-reader.ts";
import type { Acknowledgements } from "./acknowledgements.ts";

/** Bytes of events that are read and sent at a time: small enough for a page to follow, large enough for a fast log. */
const BATCH_BYTES = 256 * 1024;
/** Events of one message (`runEvents` of the contract). */
const BATCH_EVENTS = 1000;

/** What a damaged disk answers (errno(3)). After all else, too many open files for example, it is read again on the next link. */
const DAMAGE: ReadonlySet<string> = new Set(["EIO", "EBADMSG", "EUCLEAN"]);

export interface ShipperDeps {
  spool: Pick<SpoolReader, "openEvents" | "isByHand">;
  acknowledgements: Pick<Acknowledgements, "get" | "set">;
  /** Sends one frame; false if the link is not up. */
  send: (frame: string) => boolean;
  log: Log;
  /** The spool of this run cannot be read any further on this link. `isLost`: it has ended, and the rest of its events will never be sent. */
  onFault: (runId: RunId, reason: string, isLost: boolean) => void;
  /** Bytes that may be on the wire without an acknowledgement. */
  limit?: number;
}

/**
 * Sends the events of every run in order, from behind the last one that the dashboard has stored: after each welcome again
 * from there. So nothing is lost, and what is doubled on the wire is stored once (R4, R5). It holds one batch in memory, however many
 * and long the spools are: while that one has to wait, so do all runs behind it.
 */
export interface Shipper extends AsyncDisposable {
  /** A run whose events the dashboard has perhaps not all stored; for one that has ended, with the seq of its last event. */
  add(runId: RunId, lastSeq?: number): void;
  /** Runs that are not stored whole, oldest first. */
  pending(): RunId[];
  /** There may be new events of this run. */
  changed(runId: RunId): void;
  /** The run has ended, with this event. */
  ended(runId: RunId, lastSeq: number): void;
  /** Sends this run again, from this event on, though the dashboard had stored more of it. `lastSeq`: as for `add`. */
  resend(runId: RunId, fromSeq: number, lastSeq?: number): void;
  /** The spool of this run was removed: nothing more of it can be sent. */
  gone(runId: RunId): void;
  onWelcome(runs: FromDashboardOf<"welcome">["runs"]): void;
  onAck(ack: FromDashboardOf<"ack">): void;
  onDown(): void;
  /** Resolves when all that can be sent now is sent. */
  settled(): Promise<void>;
}

interface Shipping {
  readonly runId: RunId;
  cursor: EventCursor | undefined;
  /** Which link the cursor is for. */
  link: number;
  /** Read, and not sent yet. */
  held: RunEvent[];
  sent: number;
  inFlight: { seq: number; bytes: number }[];
  /** Seq of the event that ends the run, where it is known. */
  lastSeq: number | undefined;
  /** The dashboard does not know this run, or its spool is damaged. */
  idle: "unknown" | "damaged" | undefined;
  /** That the dashboard asked for it was looked up. */
  isAsked: boolean;
}

export function createShipper(deps: ShipperDeps): Shipper {
  const { spool, acknowledgements, send, log, limit = MAX_UNACKNOWLEDGED_BYTES } = deps;
  const runs = new Map<RunId, Shipping>();
  /** All stored; their cursors are closed where nothing reads by them. */
  const done: Shipping[] = [];
  let link = 0;
  let up = false;
  let unacknowledged = 0;
  let pumping: Promise<void> | undefined;
  let changedMeanwhile = false;

  const pump = () => {
    changedMeanwhile = true;
    pumping ??= pumpAll();
  };

  const pumpAll = async () => {
    await Promise.resolve(); // So that `pumping` is set before it is cleared.
    while (changedMeanwhile && up) {
      changedMeanwhile = false;
      for (const { cursor } of done.splice(0)) await cursor?.[Symbol.asyncDispose]();
      for (const run of [...runs.values()]) {
        try {
          if ((await ship(run)) === "window-full") break;
        } catch (error) {
          fault(run, messageOf(error), DAMAGE.has((error as NodeJS.ErrnoException).code ?? ""));
        }
      }
    }
    pumping = undefined;
  };

  const fault = (run: Shipping, reason: string, isLasting = true) => {
    run.idle = "damaged";
    log.error("spool-unreadable", { runId: run.runId, message: reason });
    const isTold = isLasting && run.lastSeq !== undefined;
    // What is told as missing is acknowledged as if it had been sent.
    if (isTold) run.sent = run.lastSeq ?? run.sent;
    deps.onFault(run.runId, reason, isTold);
  };

  const rewind = async (run: Shipping) => {
    await run.cursor?.[Symbol.asyncDispose]();
    run.held = [];
    run.inFlight = [];
    run.link = link;
    run.sent = acknowledgements.get(run.runId);
    run.cursor = spool.openEvents(run.runId, run.sent);
  };

  /** Sends of one run what there is and what the window takes. */
  const ship = async (run: Shipping): Promise<"window-full" | undefined> => {
    while (up && run.idle === undefined && runs.has(run.runId)) {
      if (run.link !== link || run.cursor === undefined) {
        await rewind(run);
        continue;
      }
      if (run.held.length === 0) {
        const room = limit - unacknowledged;
        if (room <= 0) return "window-full";
        const read = await run.cursor.read(Math.min(BATCH_BYTES, room));
        if (run.link !== link) continue;
        if (read.kind === "fault") {
          fault(run, read.reason);
          return undefined;
        }
        const isUnread = read.events.length === 0;
        // The events of a run of earlier may be gone already; those of a new one may not be there yet, and neither may its request.
        if (!run.isAsked && (!isUnread || run.lastSeq !== undefined) && (await spool.isByHand(run.runId))) {
          leave(run);
          return undefined;
        }
        if (isUnread && run.lastSeq !== undefined && run.sent < run.lastSeq) {
          fault(run, `The events ${run.sent + 1} to ${run.lastSeq} are missing.`);
          return undefined;
        }
        if (isUnread) return undefined;
        run.isAsked = true;
        if (run.link !== link) continue; // Read for a link that went down meanwhile.
        run.held = read.events;
      }
      if (!sendHeld(run)) return "window-full";
    }
    return undefined;
  };

  /** Sends the first held events as one frame. False: they have to wait. */
  const sendHeld = (run: Shipping): boolean => {
    let count = Math.min(run.held.length, BATCH_EVENTS);
    let frame = frameOf(run.runId, run.held.slice(0, count));
    while (Buffer.byteLength(frame) > MAX_FRAME_BYTES) {
      if (count === 1) run.held[0] = replacementOf(run.held[0] as RunEvent);
      count = Math.ceil(count / 2);
      frame = frameOf(run.runId, run.held.slice(0, count));
    }
    const bytes = Buffer.byteLength(frame);
    if (unacknowledged > 0 && unacknowledged + bytes > limit) return false;
    if (!send(frame)) return false;
    const sent = run.held.splice(0, count);
    const last = sent.at(-1);
    if (last === undefined) return false;
    run.sent = last.seq;
    run.inFlight.push({ seq: last.seq, bytes });
    unacknowledged += bytes;
    if (last.kind === "finished") run.lastSeq = last.seq;
    return true;
  };

  const leave = (run: Shipping) => {
    runs.delete(run.runId);
    done.push(run);
  };
  const forget = (run: Shipping) => {
    leave(run);
    log.debug("run-shipped", { runId: run.runId, events: run.lastSeq });
  };

  const add = (runId: RunId, lastSeq?: number) => {
    if (lastSeq !== undefined && acknowledgements.get(runId) >= lastSeq) return;
    if (!runs.has(runId))
      runs.set(runId, {
        runId,
        cursor: undefined,
        link: -1,
        held: [],
        sent: 0,
        inFlight: [],
        lastSeq,
        idle: undefined,
        isAsked: false,
      });
    pump();
  };

  return {
    add,
    pending: () => [...runs.keys()].sort(),
    changed(runId) {
      if (runs.has(runId)) pump();
    },
    ended(runId, lastSeq) {
      const run = runs.get(runId);
      if (run === undefined) return;
      run.lastSeq = lastSeq;
      // Now its outcome can be told, if not its events.
      if (run.idle === "damaged") run.idle = undefined;
      pump();
    },
    resend(runId, fromSeq, lastSeq) {
      const run = runs.get(runId);
      acknowledgements.set(runId, fromSeq - 1);
      if (run === undefined) return add(runId, lastSeq);
      unacknowledged -= run.inFlight.reduce((sum, { bytes }) => sum + bytes, 0);
      run.inFlight = [];
      run.idle = undefined;
      run.link = -1;
      pump();
    },
    gone(runId) {
      const run = runs.get(runId);
      if (run === undefined) return;
      log.warn("run-not-stored", { runId });
      leave(run);
      pump();
    },
    onWelcome(stored) {
      link += 1;
      up = true;
      unacknowledged = 0;
      for (const run of runs.values()) run.idle = undefined;
      for (const { runId, storedSeq, known } of stored) {
        const run = runs.get(runId);
        if (run === undefined) {
          // The dashboard has stored less than it had: its database was put back from a backup.
          const before = acknowledgements.get(runId);
          if (known && storedSeq < before) {
            acknowledgements.set(runId, storedSeq);
            add(runId, before);
          }
          continue;
        }
        run.idle = known ? undefined : "unknown";
        if (known) {
          acknowledgements.set(runId, storedSeq);
          if (run.lastSeq !== undefined && storedSeq >= run.lastSeq) forget(run);
        } else log.warn("run-unknown-to-dashboard", { runId });
      }
      pump();
    },
    onAck({ runId, storedSeq }) {
      const run = runs.get(runId);
      if (run === undefined || run.link !== link) return;
      // Only what was sent can be stored.
      const seq = Math.min(storedSeq, run.sent);
      if (seq <= acknowledgements.get(runId)) return;
      acknowledgements.set(runId, seq);
      while (run.inFlight[0] !== undefined && run.inFlight[0].seq <= seq) unacknowledged -= run.inFlight.shift()?.bytes ?? 0;
      if (run.lastSeq !== undefined && seq >= run.lastSeq) forget(run);
      pump();
    },
    onDown() {
      up = false;
      link += 1;
    },
    async settled() {
      while (pumping !== undefined) await pumping;
    },
    async [Symbol.asyncDispose]() {
      up = false;
      await pumping;
      for (const { cursor } of [...runs.values(), ...done]) await cursor?.[Symbol.asyncDispose]();
      runs.clear();
    },
  };
}

function frameOf(runId: RunId, events: RunEvent[]): string {
  return JSON.stringify({ type: "runEvents", runId, events } satisfies FromAgentOf<"runEvents">);
}

/** What stands for an event that fits into no frame: the numbers stay without gaps, and the log says what is missing. */
function replacementOf(event: RunEvent): RunEvent {
  const message = `An event of kind ${event.kind} was larger than ${MAX_FRAME_BYTES} bytes and could not be sent.`;
  return { seq: event.seq, at: event.at, kind: "warning", message };
}
