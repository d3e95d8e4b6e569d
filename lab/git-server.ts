import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { basename, dirname } from "node:path";
import { run } from "./machine.ts";

export interface GitServer extends AsyncDisposable {
  /** What hosts and dashboard clone from. */
  readonly url: string;
  /** Lets requests from an address wait until they are let go. */
  hold(address: string): RequestGate;
}

export interface RequestGate {
  /** Resolves when a request waits. */
  readonly waits: Promise<void>;
  letGo(): void;
}

/** Who may read a repository: HTTP's basic authentication (RFC 7617). */
export interface Reader {
  readonly user: string;
  readonly password: string;
}

/** Serves a bare repository over HTTP, to be read only, so that a cut network cuts hosts off from it. `reader`: to nobody else. */
export async function startGitServer(repository: string, address: string, reader?: Reader): Promise<GitServer> {
  const expected = reader && `Basic ${Buffer.from(`${reader.user}:${reader.password}`).toString("base64")}`;
  const program = `${await run(["git", "--exec-path"])}/git-http-backend`;
  const held = new Map<string, { tell(): void; over: Promise<void> }>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const hold = held.get(request.socket.remoteAddress ?? "");
    hold?.tell();
    await hold?.over;
    if (expected !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    serve(program, repository, request, response);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The git server listens on no port.");
  return {
    url: `http://${address}:${bound.port}/${basename(repository)}`,
    hold(from) {
      const waits = Promise.withResolvers<void>();
      const over = Promise.withResolvers<void>();
      held.set(from, { tell: waits.resolve, over: over.promise });
      return {
        waits: waits.promise,
        letGo() {
          held.delete(from);
          over.resolve();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** One request, by git-http-backend(1): a CGI program, which answers with headers, an empty line and the body. */
function serve(program: string, repository: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? "/", "http://git");
  const { headers } = request;
  const child = spawn(program, [], {
    env: {
      PATH: "/usr/bin:/bin",
      GIT_PROJECT_ROOT: dirname(repository),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method ?? "GET",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
      ...(headers["content-length"] !== undefined && { CONTENT_LENGTH: headers["content-length"] }),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  // Either end may hang up at any moment: a cut cable is what this server is for.
  for (const stream of [request, response, child.stdin, child.stdout]) stream.on("error", () => child.kill());
  response.on("close", () => child.kill());
  request.pipe(child.stdin);
  let head = "";
  const readHead = (chunk: Buffer) => {
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    child.stdout.off("data", readHead);
    const lines = head.slice(0, end).split("\r\n");
    const fields = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const);
    const status = fields.find(([name]) => name === "Status")?.[1];
    response.writeHead(
      status === undefined ? 200 : Number.parseInt(status, 10),
      Object.fromEntries(fields.filter(([name]) => name !== "Status")),
    );
    response.write(Buffer.from(head.slice(end + 4), "latin1"));
    child.stdout.pipe(response);
  };
  child.stdout.on("data", readHead);
  child.on("error", () => response.destroy());
}
