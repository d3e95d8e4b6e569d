import { randomBytes } from "node:crypto";
import { BlockList, connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { API_PATH, CSRF_HEADER, type Role } from "@nixfleet/protocol";
import { createFakeClock, createTempDir, type FakeClock } from "@nixfleet/testkit";
import { createAudit } from "../audit/index.ts";
import { createHosts } from "../hosts/index.ts";
import { createIds } from "../ids.ts";
import type { Logger } from "../logger.ts";
import { openPeople, type SessionPrincipal } from "../people/index.ts";
import type { Runs } from "../runs/index.ts";
import { openTestStore } from "../store/store.fixture.ts";
import { createApp } from "./app.ts";
import { type Authenticator, createAuthentication, sessionAuthenticator } from "./authentication.ts";
import { createHealth } from "./health.ts";
import { createIdempotency } from "./idempotency.ts";
import { createOrigins } from "./origins.ts";
import { serveAudit } from "./routes/audit.ts";
import { serveSession } from "./routes/session.ts";
import type { Serve } from "./serve.ts";
import { createHttpServer } from "./server.ts";
import { readStaticFiles } from "./static-files.ts";

/** Cheap on purpose: the real cost has a test of its own. */
export const CHEAP = { memory: 64, passes: 1, parallelism: 1 };
export const PASSWORD = "correct horse battery";

type Parts = Awaited<ReturnType<typeof openParts>>;

export interface HttpFixtureOptions {
  origin?: string;
  trusted?: readonly string[];
  webDir?: string;
  delays?: { max: number; reset(): void };
  onLimit?: (limitPages: (pages: number) => void) => void;
  onAgent?: (socket: Duplex, address: string) => void;
  onLive?: (socket: Duplex, session: SessionPrincipal) => void;
  runs?: Pick<Runs, "confirm">;
  /** Asked before the cookies of sessions. */
  authenticators?: readonly Authenticator[];
  /** Routes beside those of session and audit trail. */
  routes?: (serve: Serve, parts: Parts) => void;
}

async function openParts(folder: string, clock: FakeClock, options: HttpFixtureOptions) {
  const lines: string[] = [];
  const write = (facts: unknown, text?: string) => void lines.push(`${JSON.stringify(facts)} ${text ?? ""}`);
  const log = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
  const { store, bus } = await openTestStore({ path: join(folder, "db"), clock, log, onLimit: options.onLimit });
  const now = () => clock.now();
  const audit = createAudit({ store });
  const people = openPeople({ store, log, now, randomBytes, cost: CHEAP });
  const hosts = createHosts({ store, endRuns: async () => {}, clock, ids: createIds({ now, randomBytes }), randomBytes });
  return { lines, log, bus, store, audit, people, hosts, clock };
}

/** The HTTP side on a real socket and a real database, with a clock that stands still. */
export async function openHttp(options: HttpFixtureOptions = {}) {
  const folder = await createTempDir();
  const clock = createFakeClock();
  const parts = await openParts(folder.path, clock, options);
  const trustedProxies = new BlockList();
  for (const address of options.trusted ?? []) trustedProxies.addAddress(address);
  const server = createHttpServer({ log: parts.log, trustedProxies });
  const port = await server.listen("127.0.0.1", 0);
  const base = `http://127.0.0.1:${port}`;
  const origins = createOrigins(options.origin ?? base, port);
  const idempotency = createIdempotency({ store: parts.store, now: () => clock.now() });
  const authentication = createAuthentication([
    ...(options.authenticators ?? []),
    sessionAuthenticator(parts.people, origins.secure),
  ]);
  const app = createApp({
    authentication,
    idempotency,
    origins,
    health: createHealth({
      store: parts.store,
      version: "0.0.0-test",
      now: () => clock.now(),
      delays: options.delays ?? { max: 0, reset: () => {} },
    }),
    staticFiles: await readStaticFiles(options.webDir ?? join(folder.path, "no-page")),
    trustedProxies,
    log: parts.log,
    version: "0.0.0-test",
    randomBytes,
    checkAnswers: true,
    runs: options.runs ?? { confirm: async () => ({ kind: "secret-wrong" }) },
    routes(serve) {
      serveSession(serve, { people: parts.people, origins });
      serveAudit(serve, { audit: parts.audit });
      options.routes?.(serve, parts);
    },
  });
  /** Sends the head of a request as it is, and gives all that comes back. */
  async function raw(head: string): Promise<string> {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {});
    socket.write(`${head}\r\n\r\n`);
    await new Promise((resolve) => socket.on("close", resolve));
    return Buffer.concat(chunks).toString();
  }

  const refuseAll = (socket: Duplex) => void socket.destroy();
  server.open({
    app,
    origins,
    authentication,
    onAgent: ({ socket, address }) => (options.onAgent ?? refuseAll)(socket, address),
    onLive: ({ socket }, session) => (options.onLive ?? refuseAll)(socket, session),
  });

  /** A person's browser: keeps cookie and CSRF token, sends Origin. */
  function browser(session?: { cookie: string; csrf: string }) {
    let cookie = session?.cookie ?? "";
    let csrf = session?.csrf ?? "";
    return {
      get session() {
        return { cookie, csrf };
      },
      async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
        const response = await fetch(`${base}${path.startsWith("/api") ? path : `${API_PATH}${path}`}`, {
          method,
          headers: {
            ...(cookie === "" ? {} : { Cookie: cookie }),
            ...(csrf === "" ? {} : { [CSRF_HEADER]: csrf }),
            ...(method === "GET" ? {} : { Origin: origins.own }),
            ...(body === undefined ? {} : { "Content-Type": "application/json" }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        });
        const set = response.headers.get("Set-Cookie");
        if (set !== null) cookie = set.split(";")[0] ?? "";
        if (response.ok && (path === "/session" || path === "/setup") && method === "POST") {
          csrf = ((await response.clone().json()) as { csrf: string }).csrf;
        }
        return response;
      },
    };
  }

  async function signedIn(role: Role = "admin") {
    if (await parts.people.setupNeeded()) {
      const token = await parts.people.issueSetupToken();
      await browser().send("POST", "/setup", { token, name: "Alice", password: PASSWORD });
    }
    const person = browser();
    await person.send("POST", "/session", { name: "Alice", password: PASSWORD });
    await parts.store.change(({ db }) => db.updateTable("people").set({ role }).where("name", "=", "Alice").execute());
    return person;
  }

  return {
    ...parts,
    base,
    port,
    folder: folder.path,
    raw,
    browser,
    signedIn,
    idempotency,
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      await parts.store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The code of a problem document. */
export async function codeOf(response: Response): Promise<string> {
  expectProblem(response);
  return ((await response.json()) as { code: string }).code;
}

function expectProblem(response: Response): void {
  const type = response.headers.get("Content-Type");
  if (type !== "application/problem+json; charset=utf-8") throw new Error(`${response.status} ${type} is no problem document`);
}
