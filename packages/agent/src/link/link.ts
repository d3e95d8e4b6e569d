import {
  type FromAgent,
  type FromAgentOf,
  type FromDashboard,
  type FromDashboardOf,
  type Goodbye,
  MAX_FRAME_BYTES,
  MAX_UNACKNOWLEDGED_BYTES,
  PING_INTERVAL,
  readFromDashboard,
  SILENCE_LIMIT,
} from "@nixfleet/protocol";
import { type Clock, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import { createBackoff, slowWait, waitAfter } from "./backoff.ts";
import type { Dial, DialFailure, LinkSocket } from "./link-socket.ts";

/** Milliseconds until a connection, TLS and upgrade included, must be open. */
const DIAL_LIMIT = 20_000;
/** Milliseconds from the hello until the welcome. */
const WELCOME_LIMIT = 30_000;

/**
 * Bytes that may wait for a dashboard that does not read what it is sent: all events that can be on the wire, and twice the longest
 * message besides. One that makes more wait, by pings or refused requests, is left.
 */
const MAX_BACKLOG = MAX_UNACKNOWLEDGED_BYTES + 2 * MAX_FRAME_BYTES;

/** What the link does not answer by itself. */
export type DaemonMessage = Exclude<FromDashboard, { type: "welcome" | "ping" | "goodbye" }>;

export interface LinkDeps {
  dial: Dial;
  clock: Clock;
  /** From 0 up to but not including 1. */
  random: () => number;
  log: Log;
  /** The first message of each link, made when the connection is open. */
  hello: () => Promise<FromAgentOf<"hello">>;
  /** The dashboard has accepted the link: from here until `onDown`, `send` sends. */
  onUp: (welcome: FromDashboardOf<"welcome">) => void;
  onMessage: (message: DaemonMessage) => void;
  /** Called once for each `onUp`. */
  onDown: () => void;
}

export interface Link extends AsyncDisposable {
  start(): void;
  /** Whether the message was given to an open link. It may be lost with it all the same. */
  send(message: FromAgent): boolean;
  /** The same for a message that is already text, since its size had to be known. */
  sendFrame(frame: string): boolean;
  /** Bytes given to `send` that have not left this process. */
  readonly backlog: number;
  readonly up: boolean;
  /** Closes the link and stays away. */
  stop(): void;
}

type State =
  | { kind: "stopped" }
  | { kind: "waiting"; timer: { cancel(): void } }
  | { kind: "dialing"; dialing: { cancel(): void }; limit: { cancel(): void } }
  | { kind: "greeting" | "up"; socket: LinkSocket };

/**
 * Holds the one link to the dashboard: dials, greets, answers pings, and dials again forever with backoff (R26–R28). Whatever the
 * dashboard sends either is a message of the protocol, or ends this link with one log line and nothing else.
 */
export function createLink(deps: LinkDeps): Link {
  const { clock, log, random } = deps;
  const backoff = createBackoff(random);
  let state: State = { kind: "stopped" };
  let keepAliveTimer: { cancel(): void } | undefined;
  let welcomeTimer: { cancel(): void } | undefined;
  let silenceTimer: { cancel(): void } | undefined;
  let goodbye: Goodbye | undefined;
  let lastFailure = "";

  const cancelTimers = () => {
    keepAliveTimer?.cancel();
    welcomeTimer?.cancel();
    silenceTimer?.cancel();
  };

  const wait = (milliseconds: number) => {
    log.debug("link-waits", { milliseconds });
    state = { kind: "waiting", timer: clock.setTimeout(dial, milliseconds) };
  };

  const dial = () => {
    const limit = clock.setTimeout(() => {
      if (state.kind !== "dialing") return;
      state.dialing.cancel();
      onFailure({ kind: "timeout", detail: `No connection was established within ${DIAL_LIMIT / 1000} s.` });
    }, DIAL_LIMIT);
    // A dial may fail before it returns; then the state has moved on already.
    let settled = false;
    const settle = () => {
      settled = true;
      limit.cancel();
    };
    const dialing = deps.dial({
      onOpen(socket) {
        settle();
        greet(socket);
      },
      onFailure(failure) {
        settle();
        onFailure(failure);
      },
    });
    if (!settled) state = { kind: "dialing", dialing, limit };
  };

  const onFailure = ({ kind, detail, retryAfter }: DialFailure) => {
    // A dashboard that is away for a day is worth one line, not three thousand.
    log[lastFailure === detail ? "debug" : "warn"]("link-failed", { kind, detail });
    lastFailure = detail;
    if (retryAfter !== undefined) wait(waitAfter(retryAfter, random));
    else wait(kind === "unauthorized" ? slowWait(random) : backoff.next());
  };

  const greet = (socket: LinkSocket) => {
    const mine: State = { kind: "greeting", socket };
    state = mine;
    goodbye = undefined;
    const isCurrent = () => (state.kind === "greeting" || state.kind === "up") && state.socket === socket;
    // A timer, not a comparison of times: a clock that is set must not end a link.
    const heard = () => {
      silenceTimer?.cancel();
      silenceTimer = clock.setTimeout(() => {
        log.warn("link-silent", { seconds: SILENCE_LIMIT / 1000 });
        socket.terminate();
        if (isCurrent()) down(1006, "silent");
      }, SILENCE_LIMIT);
    };
    heard();
    const leaveIfUnread = () => {
      if (!isCurrent() || socket.bufferedAmount <= MAX_BACKLOG) return;
      log.warn("link-unread", { bytes: socket.bufferedAmount });
      socket.terminate();
      if (isCurrent()) down(1006, "unread");
    };
    socket.onControl(() => {
      if (isCurrent()) heard();
    });
    socket.onMessage((text) => {
      if (!isCurrent()) return;
      heard();
      receive(socket, text);
      leaveIfUnread();
    });
    socket.onClose((code, reason) => {
      if (isCurrent()) down(code, reason);
    });

    const keepAlive = () => {
      if (state.kind === "up") backoff.reset();
      socket.ping();
      keepAliveTimer = clock.setTimeout(keepAlive, PING_INTERVAL);
      leaveIfUnread();
    };
    keepAliveTimer = clock.setTimeout(keepAlive, PING_INTERVAL);
    welcomeTimer = clock.setTimeout(() => {
      if (state === mine) drop(socket, 1002, "no welcome in time");
    }, WELCOME_LIMIT);

    deps.hello().then(
      (hello) => {
        if (isCurrent()) socket.send(JSON.stringify(hello));
      },
      (error: unknown) => {
        log.error("hello-failed", { message: messageOf(error) });
        if (isCurrent()) drop(socket, 1011, "the hello could not be built");
      },
    );
  };

  const receive = (socket: LinkSocket, text: string) => {
    const read = readFromDashboard(text);
    if (read.kind === "unknown") {
      log.debug("message-unknown", { type: read.type });
      return;
    }
    if (read.kind === "invalid") {
      log.warn("message-invalid", { reason: read.reason });
      drop(socket, 1008, "invalid message");
      return;
    }
    const { message } = read;
    switch (message.type) {
      case "ping":
        socket.send(JSON.stringify({ type: "pong", nonce: message.nonce } satisfies FromAgent));
        return;
      case "goodbye":
        log.warn("goodbye", { code: message.code, reason: message.reason, comeBackAfter: message.comeBackAfter });
        goodbye = message;
        drop(socket, 1000, "goodbye");
        return;
      case "welcome":
        if (state.kind === "up") return;
        state = { kind: "up", socket };
        welcomeTimer?.cancel();
        lastFailure = "";
        log.info("link-up", { hostId: message.hostId });
        deps.onUp(message);
        return;
      case "ack":
      case "startRun":
      case "cancelRun":
      case "reportRun":
      case "watch":
        if (state.kind !== "up") {
          log.warn("message-invalid", { reason: `${message.type} came before the welcome.` });
          drop(socket, 1008, "a message came before the welcome");
          return;
        }
        deps.onMessage(message);
        return;
      default:
        message satisfies never;
    }
  };

  /** Ends the link from this side. What the other end still sends is not heard. */
  const drop = (socket: LinkSocket, code: number, reason: string) => {
    socket.close(code, reason);
    down(code, reason);
  };

  const down = (code: number, reason: string) => {
    const wasUp = state.kind === "up";
    cancelTimers();
    log.info("link-down", { code, reason });
    const after = goodbye;
    goodbye = undefined;
    if (after === undefined) wait(backoff.next());
    else wait(after.comeBackAfter === null ? slowWait(random) : waitAfter(after.comeBackAfter, random));
    if (wasUp) deps.onDown();
  };

  const sendFrame = (frame: string): boolean => {
    if (state.kind !== "up") return false;
    state.socket.send(frame);
    return true;
  };

  const stop = () => {
    const last = state;
    state = { kind: "stopped" };
    cancelTimers();
    if (last.kind === "waiting") last.timer.cancel();
    if (last.kind === "dialing") {
      last.limit.cancel();
      last.dialing.cancel();
    }
    if (last.kind === "greeting" || last.kind === "up") last.socket.close(1001, "the agent is stopping");
    if (last.kind === "up") deps.onDown();
  };

  return {
    start() {
      if (state.kind === "stopped") dial();
    },
    send: (message) => sendFrame(JSON.stringify(message)),
    sendFrame,
    get backlog() {
      return state.kind === "up" ? state.socket.bufferedAmount : 0;
    },
    get up() {
      return state.kind === "up";
    },
    stop,
    async [Symbol.asyncDispose]() {
      stop();
    },
  };
}
