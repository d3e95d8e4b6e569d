import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { IDEMPOTENCY_HEADER, PROBLEMS, type ProblemCode } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { type ApiDeps, createApi, createSend, isUnanswered, ProblemError, REPEAT_WAITS, UnreachableError } from "./api.ts";

/** What becomes of a request: an answer; work without one; a proxy's page; or a problem. */
type Fate = "answer" | "lose-answer" | "break-off" | "proxy" | { readonly problem: ProblemCode };
const problem = (code: ProblemCode): Fate => ({ problem: code });

/** A dashboard that does the work of each key once, and an Api that reaches it; `fates` in order, then every request is answered. */
async function setup(...fates: Fate[]) {
  const done = new Set<string | undefined>();
  const keys: (string | undefined)[] = [];
  const waits: number[] = [];
  const server = createServer((request, response) => {
    const key = request.headers[IDEMPOTENCY_HEADER.toLowerCase()] as string | undefined;
    keys.push(key);
    const fate = fates.shift() ?? "answer";
    if (typeof fate === "object") {
      const { problem: code } = fate;
      const { status, title, next } = PROBLEMS[code];
      response.writeHead(status).end(JSON.stringify({ type: `about:blank#${code}`, title, status, code, next }));
      return;
    }
    if (fate !== "proxy") done.add(key);
    switch (fate) {
      case "lose-answer":
        request.socket.destroy();
        break;
      case "break-off":
        response.writeHead(200, { "Content-Length": "100" });
        response.write('{"token":', () => request.socket.destroy());
        break;
      case "proxy":
        response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>");
        break;
      case "answer":
        response.end(JSON.stringify({ token: "nf_a_x" }));
        break;
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const deps: ApiDeps = {
    fetch: (url, init) => fetch(`${origin}${url}`, init),
    wait: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0,
  };
  return {
    api: createApi(deps),
    keys,
    done,
    waits,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const HOST = { params: { host: "a" } };
const LOST: Fate[] = Array.from({ length: REPEAT_WAITS.length + 1 }, () => "lose-answer");

test.each<[string, Fate]>([
  ["a lost answer", "lose-answer"],
  ["an answer that breaks off", "break-off"],
  ["a proxy without its dashboard", "proxy"],
  ["a full disk", problem("unavailable")],
])("R1: a POST that meets %s is sent again with the same key, and done once", async (_, fate) => {
  await using dashboard = await setup(fate, fate);
  expect(await dashboard.api.request("rotateToken", HOST).send()).toEqual({ token: "nf_a_x" });
  const [key] = dashboard.keys;
  expect(key).toMatch(/^[0-9a-f]{32}$/);
  expect(dashboard.keys).toEqual([key, key, key]);
  expect(dashboard.done).toEqual(new Set([key]));
  expect(dashboard.waits).toEqual(REPEAT_WAITS.slice(0, 2));
});

test("R1: a request is sent a bounded number of times; the same button then repeats the same request until it has an answer", async () => {
  await using dashboard = await setup(...LOST);
  const send = createSend("rotateToken", dashboard.api);
  await expect(send(HOST)).rejects.toThrow(UnreachableError);
  expect(dashboard.keys).toHaveLength(REPEAT_WAITS.length + 1);
  await send(HOST);
  expect(new Set(dashboard.keys).size).toBe(1);
  await send(HOST);
  expect(new Set(dashboard.keys).size).toBe(2);
});

test("R1: other input, and another form or dialog, is a new request", async () => {
  await using dashboard = await setup(...LOST, ...LOST);
  const send = createSend("rotateToken", dashboard.api);
  await expect(send(HOST)).rejects.toThrow(UnreachableError);
  await expect(send({ params: { host: "b" } })).rejects.toThrow(UnreachableError);
  await createSend("rotateToken", dashboard.api)({ params: { host: "b" } });
  expect(new Set(dashboard.keys).size).toBe(3);
});

test("a problem is an answer: the request is not repeated, and the next press is a new request", async () => {
  await using dashboard = await setup(problem("host-not-found"), problem("internal"), problem("too-many-attempts"));
  const send = createSend("rotateToken", dashboard.api);
  for (const code of ["host-not-found", "internal", "too-many-attempts"]) {
    const error: unknown = await send(HOST).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error instanceof ProblemError && error.problem.code).toBe(code);
    expect(isUnanswered(error)).toBe(false);
  }
  expect(new Set(dashboard.keys).size).toBe(3);
  expect(dashboard.waits).toEqual([]);
});

test("a request without a key is sent once: one without a session, and one that only reads", async () => {
  await using dashboard = await setup("lose-answer", "lose-answer");
  const signIn = dashboard.api.request("signIn", { body: { name: "ada", password: "x" } });
  await expect(signIn.send()).rejects.toThrow(UnreachableError);
  await expect(dashboard.api.request("hosts", {}).send()).rejects.toThrow(UnreachableError);
  expect(dashboard.keys).toEqual([undefined, undefined]);
});
