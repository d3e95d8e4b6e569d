import {
  FromBrowser,
  LIVE_PING_INTERVAL,
  type NumberedLine,
  type RunId,
  type ToBrowser,
  type Topic as TopicName,
} from "@nixfleet/protocol";
import type { Clock, TextSocket } from "@nixfleet/runtime";
import type { Logger } from "../logger.ts";
import type { Topic, TopicMember } from "./topic.ts";

/** A browser with more unsent bytes than this gets no deltas, but a new snapshot once it has caught up (R39). */
export const HIGH_WATER = 512 * 1024;
/** A slow browser gets the next snapshot or piece of a log when its unsent bytes fall to this. */
const LOW_WATER = 64 * 1024;
/** How often a slow browser is checked, in milliseconds. */
const DRAIN_INTERVAL = 100;
/** A browser that reads nothing for this long is disconnected; it reconnects by itself. In milliseconds. */
const STALL_TIMEOUT = 120_000;
/** Maximum characters of a log in one message, unless a single line is longer. */
const LOG_PIECE = 128 * 1024;
/** Milliseconds between two pieces of a log, so that lines are batched. */
const LOG_INTERVAL = 50;
const MAX_TOPICS = 50;
/** Pings without an answer, or any other word, after which a browser is gone. */
const MAX_UNANSWERED = 2;
const MAX_MESSAGE_LENGTH = 4096;

export interface ClientDeps {
  socket: TextSocket;
  clock: Clock;
  log: Logger;
  hello: { version: string };
  /** Acquires a topic; free it with `release`. */
  acquire(name: TopicName): Topic;
  release(name: TopicName): void;
  logs: { lines(runId: RunId, from: number): AsyncGenerator<NumberedLine[]> };
  /** Number of the last line that a run's log has. */
  lastLine(runId: RunId): Promise<number>;
  onClosed(): void;
}

/** One browser's socket. */
export interface LiveClient {
  /** Call it when the log of a run has grown. */
  onLogGrown(runId: RunId): void;
  close(code: number, reason: string): void;
}

/** A topic that a browser follows. */
interface Subscription extends TopicMember {
  readonly name: TopicName;
  readonly topic: Topic;
  /** It missed a delta or has no snapshot yet, so it needs a whole snapshot. */
  behind: boolean;
  left: boolean;
  logFeed: LogFeed | null;
}

interface LogFeed {
  readonly runId: RunId;
  /** The next line to send. */
  next: number;
  /** There may be more lines. */
  grew: boolean;
  pumping: boolean;
  pauseTimer: { cancel(): void } | undefined;
}

export function createLiveClient(deps: ClientDeps): LiveClient {
  const { socket, clock, log } = deps;
  const subscriptions = new Map<string, Subscription>();
  let closed = false;
  let drainTimer: { cancel(): void } | undefined;
  let stalled: { since: number; amount: number } | null = null;
  let pingTimer: { cancel(): void } | undefined;
  let unanswered = 0;

  const send = (message: ToBrowser) => socket.send(JSON.stringify(message));

  function subscribe(name: TopicName, fromLine: number | undefined): void {
    let subscription = subscriptions.get(name);
    if (subscription === undefined) {
      if (subscriptions.size >= MAX_TOPICS) {
        send({ type: "problem", reason: `At most ${MAX_TOPICS} topics can be followed at once.` });
        return;
      }
      subscription = join(name);
    }
    subscription.logFeed?.pauseTimer?.cancel();
    subscription.logFeed = fromLine === undefined || !name.startsWith("run:") ? null : newFeed(name.slice(4) as RunId, fromLine);
    subscription.behind = true;
    const current = subscription;
    void current.topic.ready.then(() => catchUp(current));
  }

  function join(name: TopicName): Subscription {
    const topic = deps.acquire(name);
    const subscription: Subscription = {
      name,
      topic,
      behind: true,
      left: false,
      logFeed: null,
      sendDelta(text) {
        if (subscription.behind) return;
        if (socket.bufferedAmount > HIGH_WATER) {
          subscription.behind = true;
          watchDrain();
        } else socket.send(text);
      },
      sendGone(text) {
        socket.send(text);
        leave(subscription);
      },
    };
    subscriptions.set(name, subscription);
    topic.join(subscription);
    return subscription;
  }

  function leave(subscription: Subscription): void {
    if (subscription.left) return;
    subscription.left = true;
    subscription.logFeed?.pauseTimer?.cancel();
    subscriptions.delete(subscription.name);
    subscription.topic.leave(subscription);
    deps.release(subscription.name);
  }

  /** Sends what is missing, if the browser has read what was sent before. */
  function catchUp(subscription: Subscription): void {
    if (closed || subscription.left) return;
    if (subscription.behind) {
      if (socket.bufferedAmount > LOW_WATER) {
        watchDrain();
        return;
      }
      const snapshot = subscription.topic.snapshot();
      // The topic was not read yet: its first state is sent once it is.
      if (snapshot === null) return;
      socket.send(snapshot);
      subscription.behind = false;
      if (subscription.topic.isGone) {
        leave(subscription);
        return;
      }
    }
    const { logFeed } = subscription;
    if (logFeed?.grew && !logFeed.pumping && logFeed.pauseTimer === undefined) {
      pump(subscription, logFeed).catch((error: unknown) => {
        log.error({ err: error, runId: logFeed.runId }, "A log could not be read for a browser");
        // After reconnecting it asks again, from the last line it has.
        close(1011, "The log could not be read.");
      });
    }
  }

  /** Sends lines of a log until there are no more or the browser is too slow; continues when it has caught up (R39). */
  async function pump(subscription: Subscription, feed: LogFeed): Promise<void> {
    feed.pumping = true;
    feed.grew = false;
    const last = await deps.lastLine(feed.runId);
    const isCurrent = () => !closed && !subscription.left && subscription.logFeed === feed;
    let full = false;
    if (feed.next <= last) {
      chunks: for await (const chunk of deps.logs.lines(feed.runId, feed.next)) {
        for (const lines of pieces(chunk)) {
          if (!isCurrent()) break chunks;
          if (socket.bufferedAmount > LOW_WATER) {
            full = true;
            break chunks;
          }
          const end = lines.at(-1)?.n ?? 0;
          send({ type: "log", topic: subscription.name, lines, last: Math.max(last, end) });
          feed.next = end + 1;
        }
      }
    } else if (isCurrent()) send({ type: "log", topic: subscription.name, lines: [], last });
    feed.pumping = false;
    if (!isCurrent()) return;
    if (full) {
      feed.grew = true;
      watchDrain();
      return;
    }
    feed.pauseTimer = clock.setTimeout(() => {
      feed.pauseTimer = undefined;
      catchUp(subscription);
    }, LOG_INTERVAL);
  }

  /** Sockets have no drain event, so poll while something waits. */
  function watchDrain(): void {
    if (closed || drainTimer !== undefined) return;
    drainTimer = clock.setTimeout(() => {
      drainTimer = undefined;
      if (closed) return;
      const amount = socket.bufferedAmount;
      if (amount > LOW_WATER) {
        if (stalled === null || amount < stalled.amount) stalled = { since: clock.now(), amount };
        else if (clock.now() - stalled.since > STALL_TIMEOUT) {
          socket.terminate();
          return;
        }
        watchDrain();
        return;
      }
      stalled = null;
      for (const subscription of [...subscriptions.values()]) catchUp(subscription);
    }, DRAIN_INTERVAL);
  }

  /** A flow that is dead (sleep, NAT, a cable) is not told by the network for a long time. Counted, so that no clock can end it. */
  function pingLater(): void {
    pingTimer = clock.setTimeout(() => {
      // A slow browser has not read its pings yet. How long it may take nothing is `watchDrain`'s to say.
      if (socket.bufferedAmount > LOW_WATER) watchDrain();
      else if (unanswered >= MAX_UNANSWERED) {
        socket.terminate();
        return;
      } else {
        unanswered += 1;
        send({ type: "ping" });
      }
      pingLater();
    }, LIVE_PING_INTERVAL);
  }

  function take(message: FromBrowser): void {
    switch (message.type) {
      case "pong":
        break;
      case "subscribe":
        subscribe(message.topic, message.fromLine);
        break;
      case "unsubscribe": {
        const subscription = subscriptions.get(message.topic);
        if (subscription !== undefined) leave(subscription);
        break;
      }
      default:
        message satisfies never;
    }
  }

  function close(code: number, reason: string): void {
    if (!closed) socket.close(code, reason);
    markClosed();
  }

  function markClosed(): void {
    if (closed) return;
    closed = true;
    drainTimer?.cancel();
    pingTimer?.cancel();
    for (const subscription of [...subscriptions.values()]) leave(subscription);
    deps.onClosed();
  }

  socket.onClose(markClosed);
  socket.onMessage((text) => {
    if (closed) return;
    unanswered = 0;
    const message = read(text);
    if (message === null) close(1008, "The message is not valid.");
    else take(message);
  });
  send({ type: "hello", serverTime: clock.now(), version: deps.hello.version });
  pingLater();

  return {
    onLogGrown(runId) {
      const subscription = subscriptions.get(`run:${runId}`);
      if (subscription?.logFeed == null) return;
      subscription.logFeed.grew = true;
      catchUp(subscription);
    },
    close,
  };
}

function newFeed(runId: RunId, next: number): LogFeed {
  return { runId, next, grew: true, pumping: false, pauseTimer: undefined };
}

function read(text: string): FromBrowser | null {
  if (text.length > MAX_MESSAGE_LENGTH) return null;
  try {
    return FromBrowser.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Consecutive lines in pieces that fit a message. */
function* pieces(lines: NumberedLine[]): Generator<NumberedLine[]> {
  let piece: NumberedLine[] = [];
  let size = 0;
  for (const line of lines) {
    if (piece.length > 0 && size + line.text.length > LOG_PIECE) {
      yield piece;
      [piece, size] = [[], 0];
    }
    piece.push(line);
    size += line.text.length + 80;
  }
  if (piece.length > 0) yield piece;
}
