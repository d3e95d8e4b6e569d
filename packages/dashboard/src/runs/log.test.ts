import { randomBytes } from "node:crypto";
import type { LogLine, RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openCore } from "../core.fixture.ts";
import { createHistoryKeeper } from "./index.ts";
import { packLines, unpackLines } from "./log-chunk.ts";

const DAY = 86_400_000;
const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({ at: 1, stream: "nix", text, ...more });

/** A core with one run at work whose events the test sends itself. */
async function openRun(more: { logAge?: number; logBytes?: number } = {}) {
  const scope = new AsyncDisposableStack();
  const folder = scope.use(await createTempDir());
  const clock = createFakeClock();
  const core = await openCore({ path: `${folder.path}/db`, clock });
  scope.defer(() => core.stop());
  const { id: hostId } = await core.addHost("alpha");
  const { store, runs, logs, views } = core;
  const quiet = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (facts: unknown) => void core.logged.push({ facts, text: "" }),
  };
  const limits = { logAge: 365 * DAY, logBytes: 1e12, hostLogBytes: 1e12, runAge: 3650 * DAY, runsPerHost: 1e6, ...more };
  const keeper = scope.use(createHistoryKeeper({ store, bus: core.bus, clock, log: quiet, limits }));

  async function start(): Promise<RunId> {
    const runId = await core.begin(hostId, "test", { whenBlocked: "queue" });
    await store.change(({ db: trx }) =>
      trx.updateTable("runs").set({ state: "running", started_at: clock.now() }).where("id", "=", runId).execute(),
    );
    return runId;
  }
  const seqs = new Map<RunId, number>();
  async function send(runId: RunId, body: object): Promise<void> {
    const seq = (seqs.get(runId) ?? 0) + 1;
    seqs.set(runId, seq);
    const event = { seq, at: clock.now(), ...body } as never;
    expect(await store.change((change) => runs.events(change, hostId, runId, [event]))).toMatchObject({
      kind: "stored",
      storedSeq: seq,
    });
  }
  const print = (runId: RunId, lines: readonly LogLine[]) => send(runId, { kind: "log", lines });
  const finish = (runId: RunId) => send(runId, { kind: "finished", outcome: { state: "succeeded" } });
  const text = (runId: RunId) => core.text(runId);
  return {
    core,
    clock,
    logs,
    views,
    store,
    keeper,
    start,
    print,
    finish,
    text,
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

/** Half characters included. (fast-check's own "binary" first builds a table of all of Unicode, for seconds.) */
const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));

test("R8: any text survives the database exactly, half characters, escapes and carriage returns included", () => {
  const anyText = fc.oneof(
    fc.string({ unit: codePoint }),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("\r\r 50 %", "\u001b[31mred", "\ud800", ""),
  );
  const anyLine = fc.record(
    {
      at: fc.nat(),
      stream: fc.constantFrom("agent" as const, "build" as const),
      text: anyText,
      level: fc.constantFrom("error" as const, "noise" as const),
      continues: fc.constant(true as const),
    },
    { requiredKeys: ["at", "stream", "text"] },
  );
  fc.assert(
    fc.property(fc.array(anyLine), (lines) => {
      expect(unpackLines(packLines(lines))).toEqual(lines.map((entry) => ({ ...entry })));
    }),
    { numRuns: 40 },
  );
});

test("E7: R8: a line in pieces is one line of the text, and the raw text is what was written, before and after it is packed", async () => {
  await using at = await openRun();
  const runId = await at.start();
  const long = "x".repeat(65_536);
  await at.print(runId, [line("first"), line(long, { continues: true }), line(long, { continues: true }), line("tail")]);
  await at.print(runId, [line("10 %\r20 %\r"), line("last")]);
  const whole = `first\n${long}${long}tail\n10 %\r20 %\r\nlast\n`;
  expect(await at.text(runId)).toBe(whole);
  await at.finish(runId);
  at.clock.advance(60_000);
  await at.keeper.pack();
  const chunks = await at.store.db.selectFrom("log_chunks").select(["codec", "first_line", "count"]).execute();
  expect(chunks).toEqual([{ codec: "zstd", first_line: 1, count: 6 }]);
  expect(await at.text(runId)).toBe(whole);
});

test("R44: a log is there from line 1, by line, searchable whatever the case, with its outline, while it grows and after it is packed", async () => {
  await using at = await openRun();
  const runId = await at.start();
  for (let part = 0; part < 30; part++) {
    const lines = Array.from({ length: 100 }, (_, place) => {
      const n = part * 100 + place + 1;
      if (n % 1000 === 0) return line(`ERROR: no ${n}`, { level: "error" });
      if (n > 2000 && n <= 2500) return line(`copying path ${n}`, { level: "noise" });
      return line(`line ${n}`, n === 7 ? { level: "warning" } : {});
    });
    await at.print(runId, lines);
  }
  // A text that stands across two pieces of one line.
  await at.print(runId, [line("the nee", { continues: true }), line("dle"), line("end")]);
  const look = async () => {
    expect(await at.logs.read(runId, 1, 2)).toMatchObject({ lines: [{ n: 1, text: "line 1" }, { n: 2 }], last: 3003 });
    const middle = await at.logs.read(runId, 1950, 100);
    expect(middle.lines.map(({ n }) => n)).toEqual(Array.from({ length: 100 }, (_, place) => 1950 + place));
    expect(middle.lines[51]?.text).toBe("copying path 2001");
    expect(await at.logs.read(runId, 3003, 10)).toMatchObject({ lines: [{ n: 3003, text: "end" }] });
    expect((await at.logs.read(runId, 3004, 10)).lines).toEqual([]);
    expect(await at.logs.search(runId, "error: NO")).toEqual({ lines: [1000, 2000, 3000], truncated: false });
    expect(await at.logs.search(runId, "needle")).toEqual({ lines: [3001], truncated: false });
    expect(await at.logs.outline(runId)).toEqual({
      last: 3003,
      errors: [1000, 2000, 3000],
      warnings: [7],
      noise: [[2001, 2500]],
    });
  };
  await look();
  const stored = async () =>
    (await at.store.db.selectFrom("run_logs").select(["stored", "pack_after"]).executeTakeFirst()) ?? null;
  const before = await stored();
  await at.finish(runId);
  at.clock.advance(60_000);
  await at.keeper.pack();
  await look();
  expect(await at.store.db.selectFrom("log_chunks").select("codec").distinct().execute()).toEqual([{ codec: "zstd" }]);
  expect((await stored())?.pack_after).toBeNull();
  expect((await stored())?.stored).toBeLessThan((before?.stored ?? 0) / 3);
  const usage = await at.store.db.selectFrom("log_usage").select("stored").executeTakeFirst();
  expect(usage?.stored).toBe((await stored())?.stored);
  expect((await at.views.view(runId))?.log).toMatchObject({ lines: 3003, errors: 3, warnings: 1, discarded: false });
  // R71: it succeeded, so that none of these lines is its error. If it had failed, the first one would be.
  expect((await at.views.view(runId))?.outcome).toMatchObject({ firstErrorLine: null });
  await at.store.change(({ db }) => db.updateTable("runs").set({ state: "failed" }).where("id", "=", runId).execute());
  expect((await at.views.view(runId))?.outcome).toMatchObject({ firstErrorLine: 1000 });
});

test("R44: logs are kept by age, and a run whose log is gone says so", async () => {
  await using at = await openRun({ logAge: 10 * DAY });
  const old = await at.start();
  await at.print(old, [line("old")]);
  await at.finish(old);
  at.clock.advance(6 * DAY);
  const young = await at.start();
  await at.print(young, [line("young")]);
  await at.finish(young);
  at.clock.advance(5 * DAY);
  await at.keeper.retain();
  expect(await at.text(old)).toBe("");
  expect((await at.views.view(old))?.log).toMatchObject({ lines: 1, discarded: true });
  expect(await at.text(young)).toBe("young\n");
  expect((await at.views.view(young))?.log).toMatchObject({ lines: 1, discarded: false });
});

test("R44: logs are kept by size: the oldest go first, and never one of a run at work", async () => {
  await using at = await openRun({ logBytes: 80_000 });
  const print = async (runId: RunId) => {
    await at.print(
      runId,
      // Not to be compressed: the room that it takes is what this is about.
      Array.from({ length: 1000 }, () => line(randomBytes(24).toString("base64"))),
    );
  };
  const made: RunId[] = [];
  for (let count = 0; count < 4; count++) {
    const runId = await at.start();
    await print(runId);
    // The last one is at work.
    if (count < 3) await at.finish(runId);
    at.clock.advance(DAY);
    made.push(runId);
  }
  // The program's own keeper packs them in the same moment, and each saves what it takes once.
  await at.keeper.pack();
  const chunks = await at.store.db
    .selectFrom("log_chunks")
    .select((eb) => eb.fn<number>("length", ["data"]).as("size"))
    .execute();
  const usage = await at.store.db.selectFrom("log_usage").select("stored").executeTakeFirstOrThrow();
  expect(usage.stored).toBe(chunks.reduce((sum, { size }) => sum + size, 0));
  await at.keeper.retain();
  const discarded = [];
  for (const runId of made) discarded.push((await at.views.view(runId))?.log.discarded);
  expect(discarded).toEqual([true, true, false, false]);
  expect(await at.text(made[3] as RunId)).not.toBe("");
});
