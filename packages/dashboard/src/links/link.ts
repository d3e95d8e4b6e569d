import {
  type FromAgent,
  type FromAgentOf,
  type FromDashboard,
  type Goodbye,
  type HostId,
  type RunId,
  readFromAgent,
} from "@nixfleet/protocol";
import type { LinkSocket } from "../server-socket.ts";

/** An agent with more unsent bytes than this does not read. */
const SEND_LIMIT = 4 * 1024 * 1024;

/** Callbacks of a link. */
export interface LinkHandlers {
  /** The first message. The link takes no other until `open` is called. */
  hello(hello: FromAgentOf<"hello">): void;
  /** Any later message but a pong; `size`: its length in characters. */
  message(message: Exclude<FromAgent, { type: "hello" | "pong" }>, size: number): void;
  /** The agent sent something invalid; its goodbye has been sent. */
  fault(reason: string): void;
  /** Called exactly once. */
  closed(): void;
}

/** One agent's link: order of messages, and how it ends (rules L1 to L6). Knows nothing of runs or the store. */
export interface Link {
  readonly hostId: HostId;
  readonly address: string;
  readonly openedAt: number;
  /** When the last sign of life came. */
  lastHeardAt: number;
  /** Names the agent's process; empty before the hello. */
  instance: string;
  readonly state: "waiting" | "greeted" | "open" | "closed";
  /** Runs whose start was sent over this link: its hello cannot list them. */
  readonly startedRuns: ReadonlySet<RunId>;
  /** Accepts messages from now on. */
  open(): void;
  send(message: FromDashboard): void;
  /** Resolves to whether the agent answered before `signal` aborted or the link closed. */
  ping(nonce: string, signal: AbortSignal): Promise<boolean>;
  /** Sends a goodbye with the reason, then closes. */
  goodbye(code: Goodbye["code"], reason: string, comeBackAfter: number | null): void;
  /** Closes without a goodbye: the agent reconnects by its own backoff. */
  close(code: number, reason: string): void;
  /** Ends it without waiting for the other end. */
  terminate(): void;
  /** Resolves when the connection itself is gone, which may be some time after the link was closed. */
  readonly gone: Promise<void>;
}

/** Close codes (RFC 6455, section 7.4) by the goodbye before them. 1012: the service restarts. */
const CLOSE_CODES = {
  "shutting-down": 1012,
  revoked: 1008,
  removed: 1008,
  conflict: 1008,
  "unsupported-protocol": 1008,
  "invalid-message": 1008,
} as const satisfies Record<Goodbye["code"], number>;

export function createLink(
  socket: LinkSocket,
  { hostId, address, now }: { hostId: HostId; address: string; now: () => number },
  handlers: LinkHandlers,
): Link {
  let state: Link["state"] = "waiting";
  const startedRuns = new Set<RunId>();
  const pings = new Map<string, (answered: boolean) => void>();
  const gone = Promise.withResolvers<void>();

  const markClosed = () => {
    if (state === "closed") return;
    state = "closed";
    for (const answer of pings.values()) answer(false);
    pings.clear();
    handlers.closed();
  };
  const fault = (reason: string) => {
    if (state === "closed") return;
    link.goodbye("invalid-message", reason, null);
    handlers.fault(reason);
  };

  socket.onSign(() => {
    link.lastHeardAt = now();
  });
  socket.onFault(fault);
  socket.onClose(() => {
    gone.resolve();
    markClosed();
  });
  socket.onMessage((text) => {
    if (state === "closed") return;
    link.lastHeardAt = now();
    const read = readFromAgent(text);
    if (read.kind === "invalid") fault(read.reason);
    else if (state === "waiting") receiveHello(read.kind === "message" ? read.message : null);
    else if (read.kind === "message") receive(read.message, text.length);
  });

  function receiveHello(message: FromAgent | null): void {
    if (message?.type !== "hello") {
      fault("The first message must be a hello.");
      return;
    }
    state = "greeted";
    link.instance = message.instance;
    handlers.hello(message);
  }

  function receive(message: FromAgent, size: number): void {
    switch (message.type) {
      case "hello":
        fault("hello: already received on this link.");
        break;
      case "pong":
        pings.get(message.nonce)?.(true);
        pings.delete(message.nonce);
        break;
      case "facts":
      case "metrics":
      case "runEvents":
      case "runRefused":
      case "runReport":
        // Messages before the welcome are ignored: the agent sends their content again after it.
        if (state === "open") handlers.message(message, size);
        break;
      default:
        message satisfies never;
    }
  }

  const link: Link = {
    hostId,
    address,
    openedAt: now(),
    lastHeardAt: now(),
    instance: "",
    gone: gone.promise,
    startedRuns,
    get state() {
      return state;
    },
    open() {
      if (state === "greeted") state = "open";
    },
    send(message) {
      if (state === "closed") return;
      if (message.type === "startRun") startedRuns.add(message.runId);
      socket.send(JSON.stringify(message));
      if (socket.bufferedAmount > SEND_LIMIT) link.terminate();
    },
    ping(nonce, signal) {
      if (state === "closed" || signal.aborted) return Promise.resolve(false);
      return new Promise<boolean>((resolve) => {
        pings.set(nonce, resolve);
        signal.addEventListener(
          "abort",
          () => {
            pings.delete(nonce);
            resolve(false);
          },
          { once: true },
        );
        link.send({ type: "ping", nonce });
      });
    },
    goodbye(code, reason, comeBackAfter) {
      link.send({ type: "goodbye", code, reason: reason.slice(0, 2000), comeBackAfter });
      link.close(CLOSE_CODES[code], reason);
    },
    close(code, reason) {
      socket.close(code, reason);
      markClosed();
    },
    terminate() {
      socket.terminate();
      markClosed();
    },
  };
  return link;
}
