import * as fc from "fast-check";
import { expect, test } from "vitest";
import { line, NO_LIMITS, openHistory } from "./history.fixture.ts";
import { createRunLogs } from "./log.ts";
import { CHUNK_CHARACTERS, CHUNK_LINES, chunksOf } from "./log-chunk.ts";
import { retainLogs } from "./retention.ts";

async function open() {
  const at = await openHistory();
  const logs = createRunLogs(at.store);
  const text = async (runId: Parameters<typeof logs.read>[0]) =>
    (await logs.read(runId, 1, 1e6)).lines.map((entry) => entry.text);
  const row = (runId: Parameters<typeof logs.read>[0]) =>
    at.store.db.selectFrom("run_logs").selectAll().where("run_id", "=", runId).executeTakeFirst();
  return { ...at, text, row };
}

test("R69: a log at the limit of its run says so in its last line, and takes no more", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const runId = await at.addRun({ host, ended: null });
  const limits = { ...NO_LIMITS, runBytes: 10 };
  expect(await at.append(runId, host, [line("12345")], { limits })).toBe(1);
  // Bytes of UTF-8 count, and what fits exactly is kept.
  expect(await at.append(runId, host, [line("€"), line("ab"), line("c"), line("")], { limits })).toBe(4);
  expect(await at.append(runId, host, [line("d")], { limits })).toBeNull();
  expect(await at.append(runId, host, [line("")], { limits: NO_LIMITS })).toBeNull();
  const notice = "The log of this run has reached its limit of 10 bytes (NIXFLEET_LOG_RUN_BYTES). Later lines are dropped.";
  expect(await at.text(runId)).toEqual(["12345", "€", "ab", notice]);
  expect(await at.row(runId)).toMatchObject({ lines: 4, truncated: true, warnings: 1, bytes: 10 + notice.length });
  const { lines } = await createRunLogs(at.store).read(runId, 4, 1);
  expect(lines).toMatchObject([{ stream: "agent", level: "warning", at: at.clock.now() }]);
});

test("R69: at the limit of its host a log says so and takes no more; other hosts' logs go on", async () => {
  await using at = await open();
  const [alpha, beta] = [await at.addHost("alpha"), await at.addHost("beta")];
  const before = await at.addRun({ host: alpha, lines: ["x".repeat(100)] });
  const runId = await at.addRun({ host: alpha, ended: null });
  const other = await at.addRun({ host: beta, ended: null });
  const used = (await at.sums()).kept.hosts.get(alpha) ?? 0;
  const limits = { ...NO_LIMITS, hostBytes: used + 10 };
  await at.append(runId, alpha, [line("1234567890"), line("1")], { limits });
  expect(await at.append(runId, alpha, [line("2")], { limits })).toBeNull();
  expect(await at.text(runId)).toEqual(["1234567890", expect.stringMatching(/logs of this host .*NIXFLEET_LOG_HOST_BYTES/)]);
  expect(await at.append(other, beta, [line("1"), line("2")], { limits })).toBe(2);
  expect(await at.row(before)).toMatchObject({ truncated: false });
});

test("R44: nothing is appended to a log that was removed", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const runId = await at.addRun({ host, lines: ["old"] });
  const limits = { logAge: 1, logBytes: 1e9, hostLogBytes: 1e9, runAge: 1e15, runsPerHost: 9 };
  at.clock.advance(10);
  await retainLogs(at.store, limits, at.clock.now(), new AbortController().signal);
  expect(await at.append(runId, host, [line("late")], { endedAt: at.clock.now() })).toBeNull();
  expect(await at.look(runId)).toMatchObject({ discarded: true, chunks: 0 });
  expect(await at.row(runId)).toMatchObject({ lines: 1, pack_after: null, ended_at: null, stored: 0 });
  expect((await at.sums()).kept.hosts.size).toBe(0);
});

test("R69: lines of 64 KB do not make a chunk that is large: what a reader of one line unpacks is bounded by bytes too", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const runId = await at.addRun({ host, ended: null });
  for (const text of ["x".repeat(65_536), "\u0001".repeat(65_536)]) {
    await at.append(
      runId,
      host,
      Array.from({ length: 100 }, () => line(text)),
    );
  }
  const chunks = await at.store.db.selectFrom("log_chunks").select(["count", "data"]).execute();
  expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(200);
  // JSON writes a control character with six.
  for (const { data } of chunks) expect(data.byteLength).toBeLessThan(6 * CHUNK_CHARACTERS + 100 * CHUNK_LINES);
  expect(chunks).toHaveLength(2 * Math.ceil(100 / 8));
});

test("consecutive lines are parted in order, each part as full as it may be, and a longer line stands alone", () => {
  const size = fc.oneof(
    fc.nat(20),
    fc.constantFrom(CHUNK_CHARACTERS / 2, CHUNK_CHARACTERS - 1, CHUNK_CHARACTERS, CHUNK_CHARACTERS + 1),
  );
  fc.assert(
    fc.property(fc.array(size, { maxLength: 30 }), fc.constantFrom(0, CHUNK_LINES - 2, CHUNK_LINES), (sizes, short) => {
      const lines = [...Array(short).fill(0), ...sizes].map((length) => line("x".repeat(length)));
      const parts = [...chunksOf(lines)];
      expect(parts.flat()).toEqual(lines);
      const room = (part: typeof lines) => part.reduce((sum, { text }) => sum + text.length, 0);
      for (const [place, part] of parts.entries()) {
        expect(part.length === 1 || (part.length <= CHUNK_LINES && room(part) <= CHUNK_CHARACTERS)).toBe(true);
        const [next] = parts[place + 1] ?? [];
        if (next !== undefined)
          expect(part.length === CHUNK_LINES || room(part) + next.text.length > CHUNK_CHARACTERS).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});
