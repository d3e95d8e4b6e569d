import type { Facts, LogLine, Outcome, RunEvent, RunEventBody, RunId, StartRun } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Step } from "./script.ts";

/** Lines in one event at most, and characters in one frame. */
const LINES_AT_ONCE = 500;
const FRAME_CHARACTERS = 256 * 1024;

/** Pause between two questions for a confirmation, in milliseconds. */
const ASK_AGAIN = 100;

/** A run on a simulated host with its spool, which outlives links. */
export interface SimulatedRun {
  readonly runId: RunId;
  readonly lastSeq: number;
  readonly state: "queued" | "active" | "finished";
  /** Seq of the last event that the dashboard said it has stored. */
  readonly acknowledgedSeq: number;
  /** All is stored by the dashboard, or it wants nothing of it. */
  readonly settled: boolean;
  cancel(): void;
  /** The dashboard has stored up to here. */
  acknowledged(seq: number): void;
  /** The link is new: send again from behind what is stored; null: it does not know the run. */
  resume(storedSeq: number | null): void;
  /** Events to send now, within the window. */
  take(): RunEvent[];
}

export interface SimulatedRunDeps {
  clock: Clock;
  /** Events are there to be sent. */
  changed: () => void;
  facts: { current: () => Partial<Facts>; change: (facts: Partial<Facts>) => void };
  dropLink: (forMs: number) => void;
  /** The machine goes down, and comes back after so long with a new boot. */
  reboot: (forMs: number) => void;
  /** Asks the dashboard over a new connection to confirm this run. */
  confirm: (start: StartRun, signal: AbortSignal) => Promise<boolean>;
  /** Characters that may be unacknowledged. */
  window: number;
}

export function createSimulatedRun(start: StartRun, steps: readonly Step[], deps: SimulatedRunDeps): SimulatedRun {
  const { clock, changed, facts } = deps;
  /** Not acknowledged yet, oldest first. */
  let spool: { event: RunEvent; size: number; sent: boolean }[] = [];
  let seq = 0;
  let state: SimulatedRun["state"] = "queued";
  let acknowledgedSeq = 0;
  let unacknowledged = 0;
  let forgotten = false;
  let room: (() => void) | undefined;
  const stop = new AbortController();

  function add(body: RunEventBody): void {
    const event = { seq: ++seq, at: clock.now(), ...body };
    const size = JSON.stringify(event).length;
    unacknowledged += size;
    spool.push({ event, size, sent: false });
    changed();
  }

  /** False: the run was cancelled meanwhile. */
  function wait(ms: number): Promise<boolean> {
    if (stop.signal.aborted) return Promise.resolve(false);
    if (ms <= 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        stop.signal.removeEventListener("abort", abort);
        resolve(true);
      }, ms);
      const abort = () => {
        timer.cancel();
        resolve(false);
      };
      stop.signal.addEventListener("abort", abort, { once: true });
    });
  }

  const roomInWindow = () =>
    new Promise<void>((resolve) => {
      if (unacknowledged < deps.window || stop.signal.aborted) resolve();
      else room = resolve;
    });

  async function log(step: Step & { do: "log" }): Promise<void> {
    const rate = step.perSecond ?? Number.POSITIVE_INFINITY;
    // Ten pieces a second look like a stream and cost little.
    const piece = Math.max(1, Math.min(LINES_AT_ONCE, Math.ceil(rate / 10)));
    const text = step.text ?? ((line: number) => `line ${line} of ${start.op}: the quick brown fox jumps over the lazy dog`);
    for (let line = 1; line <= step.lines; line += piece) {
      await roomInWindow();
      const count = Math.min(piece, step.lines - line + 1);
      const lines: LogLine[] = [];
      for (let next = 0; next < count; next++) {
        lines.push({ at: clock.now(), stream: step.stream ?? "nix", text: text(line + next) });
      }
      add({ kind: "log", lines });
      if (!(await wait((count / rate) * 1000))) return;
    }
  }

  async function build({ packages, each }: Step & { do: "build" }): Promise<void> {
    for (const [done, name] of packages.entries()) {
      add({
        kind: "progress",
        progress: {
          builds: { done, expected: packages.length, running: 1, failed: 0 },
          copies: { done: 0, expected: 0 },
          bytes: { done: 0, expected: 0 },
          now: [{ name, since: clock.now() }],
        },
      });
      add({ kind: "log", lines: [{ at: clock.now(), stream: "build", text: `${name}> building` }] });
      if (!(await wait(each))) return;
    }
    const all = packages.length;
    add({
      kind: "progress",
      progress: {
        builds: { done: all, expected: all, running: 0, failed: 0 },
        copies: { done: 0, expected: 0 },
        bytes: { done: 0, expected: 0 },
        now: [],
      },
    });
  }

  function finish(outcome: Outcome): void {
    state = "finished";
    add({ kind: "finished", outcome, proof: { readAt: clock.now(), facts: facts.current() } });
  }

  async function confirmed(within: number): Promise<boolean> {
    const until = clock.now() + within;
    for (;;) {
      if (await deps.confirm(start, stop.signal)) return true;
      if (clock.now() >= until || !(await wait(ASK_AGAIN))) return false;
    }
  }

  async function run(): Promise<void> {
    state = "active";
    add({ kind: "started", agentVersion: "0.1.0-simulated" });
    if (await perform(steps)) return;
    if (stop.signal.aborted) finish({ state: "cancelled", reason: "It was cancelled from the dashboard." });
    else finish({ state: "succeeded" });
  }

  /** Whether the run has finished by its own steps. */
  async function perform(todo: readonly Step[]): Promise<boolean> {
    for (const step of todo) {
      if (stop.signal.aborted) return false;
      switch (step.do) {
        case "wait":
          await wait(step.ms);
          break;
        case "phase":
          add({ kind: "phase", phase: step.phase });
          break;
        case "log":
          await log(step);
          break;
        case "build":
          await build(step);
          break;
        case "event":
          add(step.event);
          break;
        case "facts":
          facts.change(step.facts);
          break;
        case "dropLink":
          deps.dropLink(step.forMs);
          break;
        case "reboot":
          deps.reboot(step.forMs);
          await wait(step.forMs);
          break;
        case "confirm":
          if (await confirmed(step.within)) break;
          // Cancelled, it goes back all the same; only its end is another.
          if (stop.signal.aborted) for (const other of step.otherwise) if (other.do === "facts") facts.change(other.facts);
          return await perform(step.otherwise);
        case "hang":
          await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
          break;
        case "until":
          await step.resolved;
          break;
        case "finish":
          finish(step.outcome);
          return true;
        default:
          step satisfies never;
      }
    }
    return false;
  }
  void run();

  return {
    runId: start.runId,
    get lastSeq() {
      return seq;
    },
    get acknowledgedSeq() {
      return acknowledgedSeq;
    },
    get state() {
      return state;
    },
    get settled() {
      return forgotten || (state === "finished" && spool.length === 0);
    },
    cancel: () => stop.abort(),
    acknowledged(stored) {
      acknowledgedSeq = Math.max(acknowledgedSeq, stored);
      while (spool[0] !== undefined && spool[0].event.seq <= stored) unacknowledged -= spool.shift()?.size ?? 0;
      if (unacknowledged < deps.window) room?.();
    },
    resume(storedSeq) {
      if (storedSeq === null) {
        forgotten = true;
        spool = [];
        stop.abort();
        return;
      }
      this.acknowledged(storedSeq);
      for (const entry of spool) entry.sent = false;
    },
    take() {
      const events: RunEvent[] = [];
      let size = 0;
      for (const entry of spool) {
        if (entry.sent) continue;
        if (events.length > 0 && size + entry.size > FRAME_CHARACTERS) break;
        entry.sent = true;
        size += entry.size;
        events.push(entry.event);
      }
      return events;
    },
  };
}
