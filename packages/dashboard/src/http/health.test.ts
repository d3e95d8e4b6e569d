import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as passes } from "node:timers/promises";
import { expect, test } from "vitest";
import { openHttp } from "./http.fixture.ts";

async function health(http: Awaited<ReturnType<typeof openHttp>>) {
  const response = await fetch(`${http.base}/health`);
  return { status: response.status, body: (await response.json()) as { status: string; reason?: string } };
}

test("R41: /health writes to the database and reads it, and says that all is well", async () => {
  await using http = await openHttp();
  const before = http.store.transactions;
  expect(await health(http)).toMatchObject({ status: 200, body: { status: "ok", version: "0.0.0-test" } });
  expect(http.store.transactions).toBe(before + 1);
  expect(await http.store.db.selectFrom("meta").select("value").where("key", "=", "health").executeTakeFirst()).toEqual({
    value: String(http.clock.now()),
  });
});

test("R41: who asks often makes it write once a second", async () => {
  await using http = await openHttp();
  const before = http.store.transactions;
  for (let i = 0; i < 20; i++) await health(http);
  expect(http.store.transactions).toBe(before + 1);
  http.clock.advance(1000);
  await health(http);
  expect(http.store.transactions).toBe(before + 2);
});

test("R41: a clock that is set back by forty days does not make an old report count until it has caught up", async () => {
  await using http = await openHttp();
  await health(http);
  http.clock.jump(-40 * 24 * 60 * 60_000);
  const before = http.store.transactions;
  await health(http);
  await health(http);
  expect(http.store.transactions).toBe(before + 1);
});

test("R41: a full disk turns it bad with that reason, and space turns it good again", async () => {
  let limitPages = (_: number) => {};
  await using http = await openHttp({
    onLimit: (limit) => {
      limitPages = limit;
    },
  });
  limitPages(1);
  const { transactions } = http.store;
  const fact = {
    actor: { kind: "unknown", id: null, name: "x" },
    action: "x.y",
    sentence: "x".repeat(200_000),
    outcome: "done",
  } as const;
  await http.store
    .change(async (change) => change.audit(fact))
    .then(
      () => expect.unreachable(),
      (error: unknown) => expect(String(error)).toContain("full"),
    );
  expect(http.store.transactions).toBe(transactions + 1);
  expect(await health(http)).toMatchObject({
    status: 503,
    body: { status: "bad", reason: "The disk that holds the database is full." },
  });
  limitPages(1_000_000);
  await http.clock.advanceAsync(2000);
  for (let i = 0; !http.store.storage.ok && i < 200; i++) await passes(5);
  http.clock.advance(1000);
  expect(await health(http)).toMatchObject({ status: 200, body: { status: "ok" } });
});

test("R41: a database that another process holds turns it bad with the reason", async () => {
  await using http = await openHttp();
  const other = new DatabaseSync(join(http.folder, "db"));
  other.exec("begin immediate");
  const report = await health(http);
  other.exec("rollback");
  other.close();
  expect(report).toMatchObject({ status: 503, body: { status: "bad", reason: expect.stringContaining("locked") } });
});

test("R41: an event loop that stood still for seconds turns it bad, and good again half a minute later", async () => {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  await using http = await openHttp({ delays });
  await passes(30);
  expect(await health(http)).toMatchObject({ status: 200 });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
  await passes(30);
  http.clock.advance(1000);
  expect(await health(http)).toMatchObject({
    status: 503,
    body: { reason: expect.stringMatching(/was blocked for 2\d\d\d ms/) },
  });
  for (let i = 0; i < 3; i++) {
    http.clock.advance(30_000);
    await health(http);
  }
  expect(await health(http)).toMatchObject({ status: 200 });
  delays.disable();
});
