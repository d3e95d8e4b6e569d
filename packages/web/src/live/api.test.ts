import { IDEMPOTENCY_HEADER } from "@nixfleet/protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call, ProblemError, UnreachableError } from "./api.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A server that gives these answers in turn, and keeps the key of each request. "lost": the request arrives, its answer does not. */
function serve(...answers: ("lost" | Response)[]): (string | null)[] {
  const keys: (string | null)[] = [];
  vi.stubGlobal("fetch", async (_: string, init: { headers: Headers }) => {
    keys.push(init.headers.get(IDEMPOTENCY_HEADER));
    const answer = answers.shift();
    if (answer === undefined || answer === "lost") throw new TypeError("Failed to fetch");
    return answer;
  });
  return keys;
}

/** What a promise came to, once all that it waits for has passed. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  const result = promise.catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  return await result;
}

const target = () => Response.json({ state: "not-configured" });

test("R1: a POST whose answer is lost is sent again under the same key, and the next one has another", async () => {
  const keys = serve("lost", new Response("Bad gateway", { status: 502 }), target(), target());
  expect(await settled(call("refreshTarget", {}))).toEqual({ state: "not-configured" });
  await settled(call("refreshTarget", {}));
  expect(keys).toHaveLength(4);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(keys.slice(0, 3)).size).toBe(1);
  expect(keys[3]).not.toBe(keys[0]);
});

test("a POST that gets no answer three times is given up", async () => {
  const keys = serve("lost", "lost", "lost", target());
  expect(await settled(call("refreshTarget", {}))).toBeInstanceOf(UnreachableError);
  expect(keys).toHaveLength(3);
});

test("an answer that refuses is an answer: the request is not repeated", async () => {
  const problem = { type: "about:blank#run-ended", title: "The run has ended.", status: 409, code: "run-ended", next: "" };
  const keys = serve(Response.json(problem, { status: 409 }), target());
  expect(await settled(call("refreshTarget", {}))).toBeInstanceOf(ProblemError);
  expect(keys).toHaveLength(1);
});

test("what has no session to keep a key for, or changes nothing, has none and is sent once", async () => {
  const keys = serve("lost", "lost");
  expect(await settled(call("signIn", { body: { name: "ada", password: "x" } }))).toBeInstanceOf(UnreachableError);
  expect(await settled(call("target", {}))).toBeInstanceOf(UnreachableError);
  expect(keys).toEqual([null, null]);
});

test("a POST that its page has left meanwhile is not sent again", async () => {
  const keys = serve("lost", target());
  const leaving = new AbortController();
  const called = call("refreshTarget", {}, leaving.signal);
  called.catch(() => {});
  await vi.advanceTimersByTimeAsync(100);
  leaving.abort(new Error("left"));
  expect(await settled(called)).toMatchObject({ message: "left" });
  expect(keys).toHaveLength(1);
});
