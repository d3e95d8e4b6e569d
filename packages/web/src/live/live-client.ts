import { LIVE_CLOSE, LIVE_SILENCE_LIMIT, type NumberedLine, type ToBrowser, type Topic } from "@nixfleet/protocol";
import { stepTopic, type TopicState } from "./topic-state.ts";

/** The state of the link to the dashboard, for the corner of the page. */
export type LinkState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting"; at: number }
  | { kind: "offline"; since: number; at: number }
  | { kind: "signed-out" };

/** The part of a WebSocket that the client needs. */
export interface LiveSocket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface LiveDeps {
  readonly connect: () => LiveSocket;
  readonly now: () => number;
  readonly random: () => number;
  readonly setTimeout: (fn: () => void, milliseconds: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  /** Runs `fn` before the next frame. */
  readonly beforeFrame: (fn: () => void) => void;
  /** Called with the dashboard's time in milliseconds whenever a link is made. */
  readonly onServerTime?: (milliseconds: number) => void;
  /** The dashboard was updated while the page was open. */
  readonly onNewVersion: () => void;
}

export interface LogFeed {
  /** First line that is wanted next. */
  readonly from: () => number;
  readonly onLines: (lines: readonly NumberedLine[], last: number) => void;
}

export interface LiveClient {
  readonly link: () => LinkState;
  readonly onLink: (listener: () => void) => () => void;
  /** A topic's values; undefined until the first snapshot; "gone" when the server has no such host or run. */
  readonly topic: <T extends Topic>(topic: T) => TopicState<T> | "gone" | undefined;
  /**
   * Subscribes while the returned function is not called. Listeners hear of a message at once, and of all that come before the next
   * frame together with that frame: what comes alone is drawn by then, and a flood is drawn once a frame.
   */
  readonly follow: (topic: Topic, listener: () => void, feed?: LogFeed) => () => void;
  /** Connects now, without waiting for the next try. */
  readonly retry: () => void;
  readonly stop: () => void;
}

interface Followed {
  state: TopicState | "gone" | undefined;
  readonly listeners: Set<() => void>;
  readonly feeds: Set<LogFeed>;
  /** A new snapshot was requested after a gap; deltas before it are dropped. */
  resyncing: boolean;
}

/** After this many milliseconds without a link the page calls itself offline. */
const OFFLINE_AFTER = 10_000;
const LONGEST_WAIT = 15_000;
/** The close code of a connection that ended without one (RFC 6455, section 7.4.1). */
const ABNORMAL = 1006;
/** How often it is looked whether anything was heard, in milliseconds. */
const SILENCE_CHECK = 5_000;

/**
 * The one place of the page that knows the socket. Keeps a copy of each followed topic, asks for a new snapshot after a gap, once
 * (R39), and comes back with growing, spread waits. What was last known stays drawn, as old, while the link is down.
 */
export function createLiveClient(deps: LiveDeps): LiveClient {
  const topics = new Map<Topic, Followed>();
  const linkListeners = new Set<() => void>();
  const touched = new Set<Topic>();
  let awaitsFrame = false;
  let link: LinkState = { kind: "connecting" };
  let socket: LiveSocket | null = null;
  let open = false;
  let failures = 0;
  let lostAt: number | null = null;
  let timer: unknown;
  let silenceTimer: unknown;
  let version: string | null = null;
  let stopped = false;

  const setLink = (next: LinkState) => {
    link = next;
    for (const listener of [...linkListeners]) listener();
  };
  const flush = () => {
    const now = [...touched];
    touched.clear();
    for (const topic of now) for (const listener of [...(topics.get(topic)?.listeners ?? [])]) listener();
  };
  const onFrame = () => {
    awaitsFrame = touched.size > 0;
    if (!awaitsFrame) return;
    deps.beforeFrame(onFrame);
    flush();
  };
  const touch = (topic: Topic) => {
    touched.add(topic);
    if (awaitsFrame) return;
    awaitsFrame = true;
    deps.beforeFrame(onFrame);
    flush();
  };
  const subscribe = (topic: Topic, followed: Followed) => {
    if (!open || socket === null) return;
    const from = [...followed.feeds].map((feed) => feed.from());
    socket.send(JSON.stringify({ type: "subscribe", topic, ...(from.length > 0 && { fromLine: Math.min(...from) }) }));
  };

  const onMessage = (message: ToBrowser) => {
    if (message.type === "hello") {
      deps.onServerTime?.(message.serverTime);
      if (version !== null && version !== message.version) deps.onNewVersion();
      version = message.version;
      return;
    }
    if (message.type === "ping") {
      socket?.send(JSON.stringify({ type: "pong" }));
      return;
    }
    if (message.type === "problem") return;
    const topic = message.topic as Topic;
    const followed = topics.get(topic);
    if (followed === undefined) return;
    switch (message.type) {
      case "gone":
        followed.state = "gone";
        break;
      case "log":
        for (const feed of followed.feeds) {
          const from = feed.from();
          feed.onLines(
            message.lines.filter((line) => line.n >= from),
            message.last,
          );
        }
        return;
      case "snapshot":
      case "delta": {
        if (message.type === "delta" && followed.resyncing) return;
        const step = stepTopic(topic, followed.state === "gone" ? undefined : followed.state, message);
        if (step.kind === "gap") {
          followed.resyncing = true;
          subscribe(topic, followed);
          return;
        }
        followed.resyncing = false;
        followed.state = step.state;
        break;
      }
      default:
        message satisfies never;
    }
    touch(topic);
  };

  const connect = () => {
    if (stopped) return;
    deps.clearTimeout(timer);
    const current = deps.connect();
    socket = current;
    let heardAt = deps.now();
    const lost = (code: number) => {
      if (socket !== current) return;
      deps.clearTimeout(silenceTimer);
      socket = null;
      open = false;
      if (stopped) return;
      if (code === LIVE_CLOSE.sessionEnded) {
        setLink({ kind: "signed-out" });
        return;
      }
      failures += 1;
      lostAt ??= deps.now();
      const longest = Math.min(LONGEST_WAIT, 500 * 2 ** Math.min(failures, 10));
      const wait = longest / 2 + (longest / 2) * deps.random();
      const at = deps.now() + wait;
      setLink(deps.now() - lostAt >= OFFLINE_AFTER ? { kind: "offline", since: lostAt, at } : { kind: "reconnecting", at });
      timer = deps.setTimeout(connect, wait);
    };
    // A flow that is dead, after a sleep or behind a NAT, closes by itself only after many minutes.
    const checkSilence = () => {
      silenceTimer = deps.setTimeout(() => {
        if (socket !== current) return;
        if (deps.now() - heardAt < LIVE_SILENCE_LIMIT) return checkSilence();
        lostAt ??= heardAt;
        current.close();
        lost(ABNORMAL);
      }, SILENCE_CHECK);
    };
    deps.clearTimeout(silenceTimer);
    checkSilence();
    current.onopen = () => {
      if (socket !== current) return;
      open = true;
      heardAt = deps.now();
      failures = 0;
      lostAt = null;
      setLink({ kind: "live" });
      for (const [topic, followed] of topics) {
        followed.resyncing = true;
        subscribe(topic, followed);
      }
    };
    current.onmessage = (event) => {
      if (socket !== current || typeof event.data !== "string") return;
      heardAt = deps.now();
      onMessage(JSON.parse(event.data) as ToBrowser);
    };
    current.onclose = (event) => lost(event.code);
  };
  connect();

  return {
    link: () => link,
    onLink(listener) {
      linkListeners.add(listener);
      return () => linkListeners.delete(listener);
    },
    // The state under a topic's name belongs to that topic.
    topic: <T extends Topic>(topic: T) => topics.get(topic)?.state as TopicState<T> | "gone" | undefined,
    follow(topic, listener, feed) {
      let followed = topics.get(topic);
      const first = followed === undefined;
      followed ??= { state: undefined, listeners: new Set(), feeds: new Set(), resyncing: true };
      topics.set(topic, followed);
      followed.listeners.add(listener);
      if (feed !== undefined) followed.feeds.add(feed);
      if (first || feed !== undefined) {
        followed.resyncing = true;
        subscribe(topic, followed);
      }
      const mine = followed;
      return () => {
        mine.listeners.delete(listener);
        if (feed !== undefined) mine.feeds.delete(feed);
        if (mine.listeners.size > 0 || topics.get(topic) !== mine) return;
        topics.delete(topic);
        if (open) socket?.send(JSON.stringify({ type: "unsubscribe", topic }));
      };
    },
    retry() {
      if (socket === null && !stopped) connect();
    },
    stop() {
      stopped = true;
      deps.clearTimeout(timer);
      deps.clearTimeout(silenceTimer);
      socket?.close();
      socket = null;
    },
  };
}
