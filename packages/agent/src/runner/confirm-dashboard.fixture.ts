import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What a runner asks a dashboard for, over real sockets. */
export interface ConfirmDashboard {
  readonly url: string;
  readonly requests: { method: string; path: string; authorization: string | undefined; connection: number | undefined }[];
  /** What it answers from now on; `silent`: it takes the connection and says nothing. */
  answer: number | "silent";
  /** Answers all that wait. */
  release(status: number): void;
  /** Waits until so many requests have come. */
  askedTimes(times: number): Promise<void>;
}

export const SECRET = "confirm-secret-0123456789-0123456789-abcdef";

/** A dashboard of a test that runs; `answer` stands for what the real one decides by the host's link. */
export async function createConfirmDashboard(answer: number | "silent" = 200): Promise<ConfirmDashboard> {
  const waiting = new Set<ServerResponse>();
  const watchers = new Set<() => void>();
  const take = (request: IncomingMessage, response: ServerResponse) => {
    const { method = "", url = "", headers, socket } = request;
    self.requests.push({ method, path: url, authorization: headers.authorization, connection: socket.remotePort });
    if (self.answer === "silent") waiting.add(response);
    else response.writeHead(self.answer).end();
    for (const watcher of [...watchers]) watcher();
  };
  const server = createServer(take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self: ConfirmDashboard = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet`,
    requests: [],
    answer,
    release(status) {
      for (const response of waiting) response.writeHead(status).end();
      waiting.clear();
    },
    async askedTimes(times) {
      while (self.requests.length < times) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
      }
    },
  };
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return self;
}
