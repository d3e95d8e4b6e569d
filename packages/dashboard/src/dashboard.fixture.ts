import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { API_PATH, CSRF_HEADER, ROUTES, type Route, type RouteName } from "@nixfleet/protocol";
import { type Clock, exec, systemClock } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { readConfig } from "./config.ts";
import { startDashboard } from "./dashboard.ts";
import type { Logger } from "./logger.ts";
import { hashPassword } from "./people/index.ts";
import type { StoreDeps } from "./store/index.ts";

export const PASSWORD = "correct horse battery";
/** Cheap on purpose: the real cost has a test of its own. */
const CHEAP = { memory: 64, passes: 1, parallelism: 1 };

/** A caller of routes that keeps its cookie and CSRF token, as the page does. */
export interface Person {
  readonly cookie: string;
  readonly csrf: string;
  /** Calls a route with parts as they are, whether they fit or not. */
  call(name: RouteName, parts?: Parts): Promise<Response>;
}

export interface Parts {
  params?: Readonly<Record<string, string>>;
  query?: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** The address of a route with its parameters filled in. */
export function addressOf(origin: string, name: RouteName, { params = {}, query = "" }: Parts = {}): string {
  const route: Route = ROUTES[name];
  return `${origin}${API_PATH}${route.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? "x"))}${query}`;
}

export async function callAs(
  origin: string,
  session: { cookie: string; csrf: string } | null,
  name: RouteName,
  parts: Parts = {},
): Promise<Response> {
  const route: Route = ROUTES[name];
  return await fetch(addressOf(origin, name, parts), {
    method: route.method.toUpperCase(),
    headers: {
      Origin: origin,
      ...(session === null ? {} : { Cookie: session.cookie, [CSRF_HEADER]: session.csrf }),
      ...(parts.body === undefined ? {} : { "Content-Type": "application/json" }),
      ...parts.headers,
    },
    ...(parts.body === undefined || route.method === "get" ? {} : { body: JSON.stringify(parts.body) }),
  });
}

export async function signIn(origin: string, name: string, password: string): Promise<Person> {
  const response = await callAs(origin, null, "signIn", { body: { name, password } });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { csrf } = (await response.json()) as { csrf: string };
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return { cookie, csrf, call: (route, parts) => callAs(origin, { cookie, csrf }, route, parts) };
}

/** The whole dashboard in this process, on a real port and a real database, with the administrator ada. */
export async function openDashboard(
  settings: Readonly<Record<string, string>> = {},
  {
    clock = systemClock,
    prepareData,
    aroundStatement,
  }: {
    clock?: Clock;
    /** Makes what is there before the start, with the database at this path. */
    prepareData?: (path: string) => Promise<unknown>;
    aroundStatement?: StoreDeps["aroundStatement"];
  } = {},
) {
  const folder = await createTempDir();
  const data = join(folder.path, "data");
  if (prepareData !== undefined) {
    await mkdir(data);
    await prepareData(join(data, "nixfleet.db"));
  }
  const lines: string[] = [];
  const write = (facts: unknown, text?: string) => void lines.push(`${inspect(facts, { depth: 6 })} ${text ?? ""}`);
  const log = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
  const hash = await hashPassword(PASSWORD, randomBytes, CHEAP);
  const config = readConfig(
    {
      NIXFLEET_PORT: "0",
      NIXFLEET_DATA_DIR: data,
      NIXFLEET_WEB_DIR: join(folder.path, "no-page"),
      NIXFLEET_ADMIN_NAME: "ada",
      NIXFLEET_ADMIN_PASSWORD_HASH: hash,
      ...settings,
    },
    () => "",
  );
  if (!config.ok) throw new Error(JSON.stringify(config.faults));
  const dashboard = await startDashboard(
    {
      settings: config.settings,
      clock,
      log,
      exec,
      env: process.env,
      version: "0.0.0-test",
      randomBytes,
      random: Math.random,
      passwordCost: CHEAP,
      checkAnswers: true,
      aroundStatement,
    },
    new AbortController().signal,
  );
  return {
    dashboard,
    origin: dashboard.origin,
    link: `ws://127.0.0.1:${dashboard.port}/agent/link`,
    data,
    lines,
    ada: () => signIn(dashboard.origin, "ada", PASSWORD),
    async [Symbol.asyncDispose]() {
      await dashboard.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
