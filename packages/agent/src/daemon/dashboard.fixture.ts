import { createServer, type Server } from "node:http";
import {
  AGENT_LINK_PATH,
  AGENT_SUBPROTOCOL,
  type Facts,
  type FromAgent,
  type FromAgentOf,
  type HostId,
  type Metrics,
  type Outcome,
  type RunEvent,
  type RunId,
  readFromAgent,
} from "@nixfleet/protocol";
import { type WebSocket, WebSocketServer } from "ws";

const HOST_ID = "01jd0000000000000000000000" as HostId;

/** A dashboard of a test: it speaks the real protocol over a real WebSocket on loopback, and keeps what it stores in memory. */
export interface TestDashboard extends AsyncDisposable {
  readonly url: string;
  readonly hellos: FromAgentOf<"hello">[];
  readonly facts: Partial<Facts>;
  readonly metrics: Metrics[];
  readonly refusals: FromAgentOf<"runRefused">[];
  /** Messages that break the contract, gaps among them. */
  readonly faults: string[];
  readonly connected: boolean;
  events(runId: RunId): RunEvent[];
  outcome(runId: RunId): Outcome | undefined;
  log(runId: RunId): string[];
  send(message: object): void;
  startRun(runId: RunId, op: string, args?: object, more?: object): void;
  /** Ends every connection without a word, and listens no more. */
  goAway(): Promise<void>;
  /** Listens again, at the same address. */
  comeBack(): Promise<void>;
  /** Waits until something is so; looks each time that a message has come. */
  until<T>(condition: () => T | undefined | false): Promise<T>;
}

export async function createTestDashboard(token: string): Promise<TestDashboard> {
  const stored = new Map<RunId, RunEvent[]>();
  const hellos: FromAgentOf<"hello">[] = [];
  const facts: Partial<Facts> = {};
  const metrics: Metrics[] = [];
  const refusals: FromAgentOf<"runRefused">[] = [];
  const faults: string[] = [];
  const watchers = new Set<() => void>();
  let server: Server | undefined;
  let port = 0;
  let link: WebSocket | undefined;

  const send = (socket: WebSocket, message: object) => socket.send(JSON.stringify(message));
  const store = (socket: WebSocket, { runId, events }: FromAgentOf<"runEvents">) => {
    const known = stored.get(runId) ?? [];
    for (const event of events) {
      if (event.seq > known.length + 1) faults.push(`${runId}: event ${event.seq} came after ${known.length}`);
      if (event.seq === known.length + 1) known.push(event);
    }
    stored.set(runId, known);
    send(socket, { type: "ack", runId, storedSeq: known.length });
  };
  const take = (socket: WebSocket, message: FromAgent) => {
    if (message.type === "hello") {
      hellos.push(message);
      link = socket;
      Object.assign(facts, message.facts.facts);
      const runs = message.runs.map(({ runId }) => ({ runId, storedSeq: stored.get(runId)?.length ?? 0, known: true }));
      send(socket, { type: "welcome", hostId: HOST_ID, serverTime: Date.now(), runs });
    }
    if (message.type === "facts") Object.assign(facts, message.reading.facts);
    if (message.type === "metrics") metrics.push(message.metrics);
    if (message.type === "runRefused") refusals.push(message);
    if (message.type === "runEvents") store(socket, message);
  };
  const notify = () => {
    for (const watcher of [...watchers]) watcher();
  };

  const self: TestDashboard = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    hellos,
    facts,
    metrics,
    refusals,
    faults,
    get connected() {
      return link !== undefined;
    },
    events: (runId) => stored.get(runId) ?? [],
    outcome(runId) {
      const last = stored.get(runId)?.at(-1);
      return last?.kind === "finished" ? last.outcome : undefined;
    },
    log: (runId) =>
      (stored.get(runId) ?? []).flatMap((event) => (event.kind === "log" ? event.lines : [])).map((line) => line.text),
    send(message) {
      if (link === undefined) throw new Error("no agent is connected");
      send(link, message);
    },
    startRun(runId, op, args = {}, more = {}) {
      const request = { runId, op, args, commit: null, deadline: 60_000, askedBy: "ada", force: false };
      self.send({ type: "startRun", ...request, ...more });
    },
    async goAway() {
      const gone = server;
      server = undefined;
      link = undefined;
      gone?.closeAllConnections();
      await new Promise<void>((resolve) => (gone === undefined ? resolve() : gone.close(() => resolve())));
    },
    async comeBack() {
      const http = createServer((_, response) => response.writeHead(404).end());
      const sockets = new WebSocketServer({
        noServer: true,
        perMessageDeflate: false,
        handleProtocols: (offered) => (offered.has(AGENT_SUBPROTOCOL) ? AGENT_SUBPROTOCOL : false),
      });
      http.on("upgrade", (request, socket, head) => {
        const accepted = request.url === AGENT_LINK_PATH && request.headers.authorization === `Bearer ${token}`;
        if (!accepted) {
          socket.end(
            `HTTP/1.1 ${request.url === AGENT_LINK_PATH ? "401 Unauthorized" : "404 Not Found"}\r\nConnection: close\r\n\r\n`,
          );
          return;
        }
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          webSocket.on("message", (data) => {
            const read = readFromAgent((data as Buffer).toString());
            if (read.kind === "message") take(webSocket, read.message);
            else faults.push(read.kind === "invalid" ? read.reason : read.type);
            notify();
          });
          webSocket.on("close", () => {
            if (link === webSocket) link = undefined;
            notify();
          });
        });
      });
      // What was upgraded is the server's no more: it is ended here.
      http.on("close", () => {
        for (const webSocket of sockets.clients) webSocket.terminate();
      });
      const closeAll = http.closeAllConnections.bind(http);
      http.closeAllConnections = () => {
        for (const webSocket of sockets.clients) webSocket.terminate();
        closeAll();
      };
      await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
      const address = http.address();
      if (typeof address === "object" && address !== null) port = address.port;
      server = http;
    },
    async until(condition) {
      for (;;) {
        const found = condition();
        if (found !== undefined && found !== false) return found;
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await self.goAway();
    },
  };
  await self.comeBack();
  return self;
}
