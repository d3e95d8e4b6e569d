import { LIVE_CLOSE, type NumberedLine, type RunId, type Topic as TopicName } from "@nixfleet/protocol";
import type { Clock, TextSocket } from "@nixfleet/runtime";
import type { Logger } from "../logger.ts";
import { createLiveClient, type LiveClient } from "./client.ts";
import { createTopic, type Topic } from "./topic.ts";
import { type SourceDeps, sourceOf } from "./topic-sources.ts";

/** Concurrent sockets of one session, such as tabs of one browser. */
const MAX_SOCKETS_PER_SESSION = 50;

export interface LiveDeps extends SourceDeps {
  clock: Clock;
  log: Logger;
  logs: { lines(runId: RunId, from: number): AsyncGenerator<NumberedLine[]> };
  /** The dashboard's version: a page of another version reloads itself. */
  version: string;
}

/** The browsers' sockets: snapshots and deltas of the topics they follow. */
export interface Live extends AsyncDisposable {
  start(): void;
  /** Takes over the socket of a browser that is signed in. */
  accept(socket: TextSocket, session: { sessionId: string }): void;
  readonly connected: number;
  /** Number of topics in use. */
  readonly topics: number;
  /** Tells every browser to reconnect, and closes. */
  stop(): Promise<void>;
}

export function createLive(deps: LiveDeps): Live {
  const { bus, clock, log, store } = deps;
  const clients = new Map<LiveClient, string>();
  const topics = new Map<TopicName, { topic: Topic; holders: number }>();
  let ending = new AbortController();

  function acquire(name: TopicName): Topic {
    let entry = topics.get(name);
    if (entry === undefined) {
      entry = { topic: createTopic({ name, source: sourceOf(name, deps), clock, log }), holders: 0 };
      topics.set(name, entry);
    }
    entry.holders += 1;
    return entry.topic;
  }

  function release(name: TopicName): void {
    const entry = topics.get(name);
    if (entry === undefined) return;
    entry.holders -= 1;
    if (entry.holders > 0) return;
    topics.delete(name);
    entry.topic.close();
  }

  const live: Live = {
    start() {
      ending = new AbortController();
      const options = { owner: "live", signal: ending.signal };
      bus.on(
        "run.logged",
        ({ runId }) => {
          for (const client of clients.keys()) client.onLogGrown(runId);
        },
        options,
      );
      bus.on(
        "session.ended",
        ({ sessionId }) => {
          for (const [client, session] of [...clients]) {
            if (session === sessionId) client.close(LIVE_CLOSE.sessionEnded, "The session has ended.");
          }
        },
        options,
      );
    },

    accept(socket, { sessionId }) {
      if (ending.signal.aborted) return socket.close(LIVE_CLOSE.shuttingDown, "The dashboard is restarting.");
      const ofSession = [...clients.values()].filter((session) => session === sessionId).length;
      if (ofSession >= MAX_SOCKETS_PER_SESSION) return socket.close(1013, "Too many pages of this session are open.");
      const client: LiveClient = createLiveClient({
        socket,
        clock,
        log,
        hello: { version: deps.version },
        acquire,
        release,
        logs: deps.logs,
        lastLine: async (runId) => {
          const row = await store.db.selectFrom("run_logs").select("lines").where("run_id", "=", runId).executeTakeFirst();
          return row?.lines ?? 0;
        },
        onClosed: () => clients.delete(client),
      });
      clients.set(client, sessionId);
    },

    get connected() {
      return clients.size;
    },
    get topics() {
      return topics.size;
    },

    async stop() {
      ending.abort();
      for (const client of [...clients.keys()]) client.close(LIVE_CLOSE.shuttingDown, "The dashboard is restarting.");
    },
    [Symbol.asyncDispose]: () => live.stop(),
  };
  return live;
}
