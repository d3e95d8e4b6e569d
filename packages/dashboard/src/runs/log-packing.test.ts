import type { RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";
import { quiet } from "../store/store.fixture.ts";
import { KEEP_ALL, line, openHistory } from "./history.fixture.ts";
import { createHistoryKeeper } from "./history-keeper.ts";
import { createRunLogs } from "./log.ts";
import { nextToPack, packLog } from "./log-packing.ts";
import { retainLogs } from "./retention.ts";

const HOUR = 3_600_000;
const { signal } = new AbortController();

async function open() {
  const at = await openHistory();
  const host = await at.addHost("alpha");
  /** Adds an ended run whose log has three plain chunks. */
  const addLog = async (): Promise<RunId> => {
    const runId = await at.addRun({ host, ended: null });
    for (const text of ["one", "two", "three"]) await at.append(runId, host, [line(text)]);
    await at.end(runId, host);
    return runId;
  };
  const codecs = async (runId: RunId) =>
    (await at.store.db.selectFrom("log_chunks").select(["codec", "count"]).where("run_id", "=", runId).execute()).map(
      ({ codec, count }) => `${codec} ${count}`,
    );
  return { ...at, host, addLog, codecs };
}

/** Wraps a store so that `happen` runs once, before the first change. */
function before(store: Store, happen: () => Promise<unknown>): Store {
  let done = false;
  return Object.create(store, {
    db: { get: () => store.db },
    change: {
      value: async (...change: Parameters<Store["change"]>) => {
        if (!done) {
          done = true;
          await happen();
        }
        return await store.change(...change);
      },
    },
  });
}

test("R44: a log that is removed while it is being compressed stays removed and takes no space", async () => {
  await using at = await open();
  const runId = await at.addLog();
  const discard = () => retainLogs(at.store, { ...KEEP_ALL, logBytes: 1 }, at.clock.now(), signal);
  await packLog(before(at.store, discard), { runId, hostId: at.host }, signal);
  expect(await at.look(runId)).toMatchObject({ discarded: true, chunks: 0 });
  const { kept, real } = await at.sums();
  expect(kept).toEqual(real);
  expect(kept.hosts.size).toBe(0);
});

test("a run that is removed while its log is being compressed leaves nothing behind", async () => {
  await using at = await open();
  const runId = await at.addLog();
  const remove = () => at.store.change(({ db }) => db.deleteFrom("runs").where("id", "=", runId).execute());
  await packLog(before(at.store, remove), { runId, hostId: at.host }, signal);
  expect(await at.look(runId)).toMatchObject({ row: "gone", chunks: 0 });
});

test("R44: a log that is packed while it is read is read to its end", async () => {
  await using at = await open();
  const runId = await at.addLog();
  const chunks = createRunLogs(at.store).lines(runId);
  const read: string[] = [];
  const add = (lines: readonly { n: number; text: string }[] = []) => read.push(...lines.map(({ n, text }) => `${n} ${text}`));
  add((await chunks.next()).value ?? []);

  await packLog(at.store, { runId, hostId: at.host }, signal);

  for await (const lines of chunks) add(lines);
  expect(read).toEqual(["1 one", "2 two", "3 three"]);
});

test("lines that arrive while a log is being packed are packed in the next step", async () => {
  await using at = await open();
  const runId = await at.addLog();
  const endedAt = at.clock.now();
  const late = () => at.append(runId, at.host, [line("late")], { endedAt });
  await packLog(before(at.store, late), { runId, hostId: at.host }, signal);
  expect(await at.codecs(runId)).toEqual(["zstd 3", "zstd 1"]);
  expect(await nextToPack(at.store, Number.MAX_SAFE_INTEGER)).toBeNull();
});

test("a packed log that grows is packed again after ten seconds without new lines", async () => {
  await using at = await open();
  const runId = await at.addLog();
  const run = { runId, hostId: at.host };
  expect(await nextToPack(at.store, at.clock.now() + 9999)).toBeNull();
  expect(await nextToPack(at.store, at.clock.now() + 10_000)).toEqual(run);
  await packLog(at.store, run, signal);
  expect(await nextToPack(at.store, Number.MAX_SAFE_INTEGER)).toBeNull();
  at.clock.advance(HOUR);
  await at.append(runId, at.host, [line("late")], { endedAt: 1 });
  expect(await nextToPack(at.store, at.clock.now() + 9999)).toBeNull();
  expect(await nextToPack(at.store, at.clock.now() + 10_000)).toEqual(run);
});

test("the log of an unfinished run is not packed", async () => {
  await using at = await open();
  const runId = await at.addRun({ host: at.host, ended: null });
  await at.append(runId, at.host, [line("one")]);
  expect(await nextToPack(at.store, Number.MAX_SAFE_INTEGER)).toBeNull();
  await at.end(runId, at.host);
  expect(await nextToPack(at.store, Number.MAX_SAFE_INTEGER)).toMatchObject({ runId });
});

test("a log with an unreadable chunk does not block other logs and is retried after an hour", async () => {
  await using at = await open();
  const poisoned = await at.addLog();
  at.clock.advance(1);
  const behind = await at.addLog();
  const { data } = await at.store.db
    .selectFrom("log_chunks")
    .select("data")
    .where("run_id", "=", poisoned)
    .where("first_line", "=", 2)
    .executeTakeFirstOrThrow();
  const put = (bytes: Uint8Array) =>
    at.store.change(({ db }) =>
      db.updateTable("log_chunks").set({ data: bytes }).where("run_id", "=", poisoned).where("first_line", "=", 2).execute(),
    );
  await put(Buffer.from("no line of a log\n"));
  const errors: string[] = [];
  const error = (_facts: unknown, text?: string) => void errors.push(text ?? "");
  const log = { ...quiet, error } as Logger;
  await using keeper = createHistoryKeeper({ store: at.store, bus: at.bus, clock: at.clock, log, limits: KEEP_ALL });
  at.clock.advance(10_000);
  await keeper.pack();
  expect(errors).toEqual(["A log could not be packed; retrying in an hour"]);
  expect(await at.codecs(behind)).toEqual(["zstd 3"]);
  // The failed attempt lost nothing.
  expect(await at.codecs(poisoned)).toEqual(["plain 1", "plain 1", "plain 1"]);
  await put(data);
  at.clock.advance(HOUR - 1);
  await keeper.pack();
  expect(await at.codecs(poisoned)).toEqual(["plain 1", "plain 1", "plain 1"]);
  at.clock.advance(1);
  await keeper.pack();
  expect(await at.codecs(poisoned)).toEqual(["zstd 3"]);
});

test("R44: R69: logs are packed automatically soon after their run has ended; old ones are removed at the start and every hour", async () => {
  await using at = await open();
  const old = await at.addRun({ host: at.host, ended: -400, lines: ["old"] });
  await using keeper = createHistoryKeeper({
    store: at.store,
    bus: at.bus,
    clock: at.clock,
    log: quiet,
    limits: { ...KEEP_ALL, logAge: 300 * 24 * HOUR },
  });
  keeper.start();
  const pass = async (ms: number, holds: () => Promise<boolean>) => {
    for (let passed = 0; passed < ms; passed += 1000) await at.clock.advanceAsync(1000);
    for (let turn = 0; turn < 1000 && !(await holds()); turn++) await at.clock.advanceAsync(0);
    expect(await holds()).toBe(true);
  };
  await pass(0, async () => (await at.look(old)).discarded);
  const runId = await at.addLog();
  await pass(21_000, async () => (await at.codecs(runId))[0] === "zstd 3");
  // It ends after the change that scheduled the next round, and no other change follows.
  at.publish("run.changed", { runId, hostId: at.host });
  await pass(8000, async () => true);
  const second = await at.addLog();
  await pass(25_000, async () => (await at.codecs(second))[0] === "zstd 3");
  const young = await at.addRun({ host: at.host, ended: -301, lines: ["young"] });
  await pass(HOUR + 10_000, async () => (await at.look(young)).discarded);
});
