import { randomBytes } from "node:crypto";
import { API_PATH, ROUTES, type Role, type Route, type RouteName } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { Principal } from "../people/index.ts";
import { createSealingKey } from "../people/sealing-key.ts";
import { ok } from "./answer.ts";
import type { Authenticator } from "./authentication.ts";
import { codeOf, openHttp } from "./http.fixture.ts";

/** Knows the API tokens that are given, by their text. */
function tokenAuthenticator(tokens: Readonly<Record<string, Role>>): Authenticator {
  return async ({ authorization }) => {
    const text = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (text === undefined) return "absent";
    const role = tokens[text];
    if (role === undefined) return "wrong";
    return { kind: "token", id: `id-${text}`, name: text, role, key: createSealingKey(text, randomBytes) };
  };
}

async function open() {
  const principals: (Principal | null)[] = [];
  const http = await openHttp({
    authenticators: [tokenAuthenticator({ ci: "operator", eye: "viewer" })],
    routes(serve) {
      const note =
        <T>(body: T) =>
        async ({ principal }: { principal: Principal | null }) => {
          principals.push(principal);
          return ok(body);
        };
      serve("target", note({ state: "not-configured" } as const));
      serve("refreshTarget", note({ state: "not-configured" } as const));
    },
  });
  const send = (method: string, path: string, headers: Record<string, string>) =>
    fetch(`${http.base}${API_PATH}${path}`, { method, headers });
  return { http, send, principals };
}

const by = (token: string) => ({ Authorization: `Bearer ${token}` });

test("a program with an API token needs no Origin and no CSRF token, whatever a browser would have to send", async () => {
  const { http, send, principals } = await open();
  await using _ = http;
  expect((await send("POST", "/target/refresh", by("ci"))).status).toBe(200);
  expect((await send("POST", "/target/refresh", { ...by("ci"), Origin: "https://elsewhere.example" })).status).toBe(200);
  expect(principals).toMatchObject([
    { kind: "token", name: "ci" },
    { kind: "token", name: "ci" },
  ]);
  const { cookie } = (await http.signedIn()).session;
  expect(await codeOf(await send("POST", "/target/refresh", { Cookie: cookie }))).toBe("cross-site");
  expect(await codeOf(await send("POST", "/target/refresh", { Cookie: cookie, Origin: http.base }))).toBe("cross-site");
  expect(principals).toHaveLength(2);
});

test("a token has its own rights alone, and a wrong token none: a cookie that comes along adds nothing", async () => {
  const { http, send, principals } = await open();
  await using _ = http;
  const { cookie, csrf } = (await http.signedIn("admin")).session;
  const browser = { Cookie: cookie, Origin: http.base, "X-CSRF-Token": csrf };
  expect((await send("POST", "/target/refresh", browser)).status).toBe(200);
  expect(await codeOf(await send("POST", "/target/refresh", { ...browser, ...by("eye") }))).toBe("role-too-low");
  expect(await codeOf(await send("POST", "/target/refresh", { ...browser, ...by("wrong") }))).toBe("not-signed-in");
  expect((await send("GET", "/target", { Cookie: cookie, ...by("eye") })).status).toBe(200);
  expect(principals).toMatchObject([{ kind: "session" }, { kind: "token", role: "viewer" }]);
  // What a proxy in between has asked the browser for is not for this dashboard.
  expect((await send("GET", "/target", { Cookie: cookie, Authorization: "Basic eDp5" })).status).toBe(200);
});

test("routes about one's own session and password refuse a token, and so does /live", async () => {
  const { http, send } = await open();
  await using _ = http;
  const own = (Object.entries(ROUTES) as [RouteName, Route][]).filter(([, route]) => route.principal === "session");
  expect(own.map(([name]) => name)).toEqual(["session", "signOut", "sessions", "endSession", "changePassword"]);
  const { cookie, csrf } = (await http.signedIn()).session;
  for (const [name, route] of own) {
    const path = route.path.replace("{session}", "x");
    const headers = { Cookie: cookie, Origin: http.base, "X-CSRF-Token": csrf, ...by("ci") };
    expect(await codeOf(await send(route.method.toUpperCase(), path, headers)), name).toBe("session-needed");
  }
  const live = await http.raw(
    [
      "GET /live HTTP/1.1",
      "Host: x",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Origin: ${http.base}`,
      `Cookie: ${cookie}`,
      "Authorization: Bearer ci",
    ].join("\r\n"),
  );
  expect(live).toContain('"code":"session-needed"');
});

test("R1: an Idempotency-Key belongs to its session or token: another one that uses the same key is not answered by it", async () => {
  const { http, send, principals } = await open();
  await using _ = http;
  const keyed = { "Idempotency-Key": "a" };
  const alice = await http.signedIn();
  const twice = async (once: () => Promise<Response>) => [(await once()).status, (await once()).status];
  expect(await twice(() => send("POST", "/target/refresh", { ...by("ci"), ...keyed }))).toEqual([200, 200]);
  expect(await twice(() => alice.send("POST", "/target/refresh", undefined, keyed))).toEqual([200, 200]);
  expect(principals).toMatchObject([{ kind: "token" }, { kind: "session" }]);
});
