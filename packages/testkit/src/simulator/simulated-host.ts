import {
  AGENT_SUBPROTOCOL,
  type Facts,
  type FromAgent,
  type FromDashboard,
  type Goodbye,
  type HostPolicy,
  type HostSettings,
  MAX_UNACKNOWLEDGED_BYTES,
  type Metrics,
  PROTOCOL_VERSION,
  type RunId,
  readFromDashboard,
  type StartRun,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { WebSocket } from "ws";
import { requestConfirmation } from "./confirm-request.ts";
import { sampleFacts, samplePolicy, sampleSettings } from "./sample-facts.ts";
import type { Behaviour } from "./script.ts";
import { createSimulatedRun, type SimulatedRun, type SimulatedRunDeps } from "./simulated-run.ts";

export interface SimulatedHostOptions {
  name: string;
  token: string;
  /** What it starts from; see `sampleFacts`. */
  facts?: Partial<Facts>;
  policy?: HostPolicy;
  settings?: Partial<HostSettings>;
  behaviour?: Behaviour;
  /** Names the agent's process. */
  instance?: string;
}

export interface SimulatedHost {
  readonly name: string;
  readonly connected: boolean;
  /** Every run that its runner began, in order: one that is here twice was started twice. */
  readonly begun: readonly RunId[];
  readonly facts: Partial<Facts>;
  /** What the dashboard said before it closed. */
  readonly goodbyes: readonly Goodbye[];
  /** Upgrades that were answered with an HTTP status, by that. */
  readonly turnedAway: readonly number[];
  /** With which links were closed by the dashboard; 1006: without one. */
  readonly closeCodes: readonly number[];
  /** Links that were welcomed. */
  readonly welcomes: number;
  /** The state of a run that it still knows. */
  run(runId: RunId): SimulatedRun | undefined;
  /** Cuts the link; it dials again after so long, or by its backoff. */
  dropLink(forMs?: number): void;
  /** Dials now if it waits to. */
  redial(): void;
  /** Facts change and are reported. */
  change(facts: Partial<Facts>): void;
  /** Sends any text over the link as it is. */
  sendRaw(text: string): void;
  start(): void;
  stop(): void;
}

export interface SimulatedHostDeps {
  url: string;
  clock: Clock;
  random: () => number;
  behaviour: Behaviour;
  /** Milliseconds of the first window of the backoff, and of the longest. */
  backoff: { first: number; longest: number };
  /** Every frame goes out so many times: more than once tries what repetition does (R1). */
  copies: number;
  /** A link was welcomed (1) or ended (-1). */
  changed: (by: 1 | -1) => void;
}

/** One host that speaks the real protocol over a real WebSocket; its spool is in memory. */
export function createSimulatedHost(options: SimulatedHostOptions, deps: SimulatedHostDeps): SimulatedHost & { ping(): void } {
  const { clock, random, backoff } = deps;
  const runs = new Map<RunId, SimulatedRun>();
  const queue: StartRun[] = [];
  const begun: RunId[] = [];
  const goodbyes: Goodbye[] = [];
  const turnedAway: number[] = [];
  const closeCodes: number[] = [];
  const startedAt = clock.now();
  let facts: Partial<Facts> = options.facts ?? sampleFacts(options.name, { commit: "0".repeat(40), now: startedAt });
  let socket: WebSocket | undefined;
  let welcomed = false;
  let goodbye: Goodbye | undefined;
  let welcomes = 0;
  let failures = 0;
  let redial: { cancel(): void } | undefined;
  let watch: { cancel(): void } | undefined;
  let stopped = true;
  let boots = 0;
  let pumping = false;

  const runDeps: SimulatedRunDeps = {
    clock,
    changed: () => pump(),
    facts: {
      current: () => facts,
      change: (changed) => {
        facts = { ...facts, ...changed };
      },
    },
    dropLink: (forMs) => host.dropLink(forMs),
    reboot: (forMs) => {
      boots += 1;
      facts = { ...facts, boot: { id: `${facts.boot?.id ?? options.name}-again`, at: clock.now() + forMs } };
      host.dropLink(forMs);
    },
    confirm: (start, signal) => requestConfirmation(deps.url, start, signal),
    window: MAX_UNACKNOWLEDGED_BYTES,
  };

  function send(message: FromAgent): void {
    if (socket?.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(message);
    for (let copy = 0; copy < (message.type === "hello" ? 1 : deps.copies); copy++) socket.send(text);
  }

  function dial(): void {
    redial = undefined;
    if (stopped) return;
    const mine = new WebSocket(deps.url, [AGENT_SUBPROTOCOL], {
      headers: { Authorization: `Bearer ${options.token}` },
      perMessageDeflate: false,
    });
    socket = mine;
    mine.on("open", () => send(hello()));
    mine.on("message", (data) => {
      if (socket === mine) receive((data as Buffer).toString());
    });
    mine.on("unexpected-response", (_, response) => {
      turnedAway.push(response.statusCode ?? 0);
      // Whoever listens to this event must end the socket: only then its close follows, and the next dial.
      mine.terminate();
    });
    // A close follows each error.
    mine.on("error", () => {});
    mine.on("close", (code) => {
      if (socket !== mine) return;
      closeCodes.push(code);
      down();
    });
  }

  function down(waitFor?: number): void {
    const told = goodbye?.comeBackAfter ?? null;
    goodbye = undefined;
    socket = undefined;
    watch?.cancel();
    watch = undefined;
    const wasWelcomed = welcomed;
    welcomed = false;
    if (wasWelcomed) deps.changed(-1);
    if (stopped) return;
    const window = Math.min(backoff.longest, backoff.first * 2 ** failures++);
    const asked = told === null ? undefined : told * 1000;
    redial?.cancel();
    redial = clock.setTimeout(dial, waitFor ?? asked ?? random() * window);
  }

  function hello(): FromAgent {
    const listed = [...runs.values()].filter((run) => !run.settled);
    return {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      hostname: options.name,
      instance: `${options.instance ?? `${options.name}-${startedAt}`}${boots === 0 ? "" : `-boot-${boots}`}`,
      policy: options.policy ?? samplePolicy,
      settings: { ...sampleSettings, ...options.settings },
      facts: { readAt: clock.now(), facts },
      runs: [
        ...listed.map(({ runId, state, lastSeq }) => ({ runId, state, lastSeq })),
        ...queue.map(({ runId }) => ({ runId, state: "queued" as const, lastSeq: 0 })),
      ],
    };
  }

  function receive(text: string): void {
    const read = readFromDashboard(text);
    if (read.kind === "invalid") throw new Error(`The dashboard sent what is no message: ${read.reason}`);
    if (read.kind === "message") handle(read.message);
  }

  function handle(message: FromDashboard): void {
    switch (message.type) {
      case "welcome":
        welcomed = true;
        welcomes += 1;
        failures = 0;
        for (const { runId, storedSeq, known } of message.runs) runs.get(runId)?.resume(known ? storedSeq : null);
        forget();
        pump();
        deps.changed(1);
        break;
      case "ack":
        runs.get(message.runId)?.acknowledged(message.storedSeq);
        forget();
        pump();
        break;
      case "startRun":
        take(message);
        break;
      case "cancelRun":
        cancel(message.runId);
        break;
      case "reportRun":
        report(message.runId);
        break;
      case "watch":
        watch?.cancel();
        watch = undefined;
        if (message.on) measure();
        break;
      case "ping":
        send({ type: "pong", nonce: message.nonce });
        break;
      case "goodbye":
        goodbye = message;
        goodbyes.push(message);
        break;
      default:
        message satisfies never;
    }
  }

  /** A run that it knows is only reported again. */
  function take(start: StartRun): void {
    if (runs.has(start.runId) || queue.some(({ runId }) => runId === start.runId)) return;
    queue.push(start);
    next();
  }

  function next(): void {
    if ([...runs.values()].some((run) => run.state !== "finished" && !run.settled)) return;
    const start = queue.shift();
    if (start === undefined) return;
    const script = (options.behaviour ?? deps.behaviour)(start, { name: options.name, facts });
    if ("refuse" in script) {
      send({ type: "runRefused", runId: start.runId, code: script.refuse, reason: script.reason });
      next();
      return;
    }
    begun.push(start.runId);
    runs.set(start.runId, createSimulatedRun(start, script, runDeps));
    pump();
  }

  function report(runId: RunId): void {
    const run = runs.get(runId);
    const isQueued = queue.some((start) => start.runId === runId);
    const held = isQueued ? { state: "queued" as const, lastSeq: 0 } : run && { state: run.state, lastSeq: run.lastSeq };
    send({ type: "runReport", runId, held: held ?? null });
  }

  function cancel(runId: RunId): void {
    const place = queue.findIndex((start) => start.runId === runId);
    if (place >= 0) {
      const [waiting] = queue.splice(place, 1);
      const outcome = { state: "cancelled", reason: "It was cancelled before it began." } as const;
      if (waiting !== undefined) runs.set(runId, createSimulatedRun(waiting, [{ do: "finish", outcome }], runDeps));
      return;
    }
    runs.get(runId)?.cancel();
  }

  function forget(): void {
    for (const [runId, run] of runs) if (run.settled) runs.delete(runId);
    next();
  }

  /** After this turn, so that events which come together go together. */
  function pump(): void {
    if (pumping) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      if (!welcomed) return;
      for (const run of runs.values()) {
        for (let events = run.take(); events.length > 0; events = run.take()) {
          send({ type: "runEvents", runId: run.runId, events });
        }
      }
      forget();
    });
  }

  function measure(): void {
    const interval = (options.settings?.interval ?? sampleSettings.interval) * 1000;
    const total = facts.memoryTotal ?? 2 ** 30;
    const metrics: Metrics = {
      at: clock.now(),
      cpu: random(),
      load: random() * 4,
      memory: { used: Math.floor(total * (0.3 + 0.4 * random())), total },
      disks: [{ mount: "/", used: 40 * 2 ** 30, total: 100 * 2 ** 30 }],
    };
    send({ type: "metrics", metrics });
    watch = clock.setTimeout(measure, interval);
  }

  const host: SimulatedHost & { ping(): void } = {
    name: options.name,
    get connected() {
      return welcomed;
    },
    begun,
    get facts() {
      return facts;
    },
    goodbyes,
    turnedAway,
    closeCodes,
    get welcomes() {
      return welcomes;
    },
    run: (runId) => runs.get(runId),
    dropLink(forMs) {
      const mine = socket;
      if (mine === undefined) return;
      down(forMs);
      mine.terminate();
    },
    redial() {
      if (redial === undefined) return;
      redial.cancel();
      dial();
    },
    change(changed) {
      facts = { ...facts, ...changed };
      send({ type: "facts", reading: { readAt: clock.now(), facts: changed } });
    },
    sendRaw: (text) => socket?.send(text),
    start() {
      stopped = false;
      dial();
    },
    stop() {
      stopped = true;
      redial?.cancel();
      watch?.cancel();
      for (const run of runs.values()) run.resume(null);
      socket?.terminate();
    },
    ping: () => {
      if (welcomed) socket?.ping();
    },
  };
  return host;
}
