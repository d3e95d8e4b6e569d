import { randomBytes } from "node:crypto";
import type { HostId, RunId } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DAY, KEEP_ALL, line, openHistory } from "./history.fixture.ts";
import { nextToPack, packLog } from "./log-packing.ts";
import { type RetentionLimits, retainLogs, retainRuns } from "./retention.ts";

const whole = { row: "whole", results: true };
const short = { row: "short", results: false, chunks: 0 };
const gone = { row: "gone", results: false, chunks: 0, discarded: false };

async function open() {
  const at = await openHistory();
  const signal = new AbortController().signal;
  return {
    ...at,
    retain: async (limits: Partial<RetentionLimits>, stop: AbortSignal = signal) => {
      await retainLogs(at.store, { ...KEEP_ALL, ...limits }, at.clock.now(), stop);
      await retainRuns(at.store, { ...KEEP_ALL, ...limits }, at.clock.now(), stop);
    },
    usage: async (host: HostId | null) => (await at.sums()).kept.hosts.get(host ?? "") ?? 0,
  };
}

/** Incompressible lines of the given total size in KiB. */
const kilobytes = (count: number) => Array.from({ length: count }, () => randomBytes(384).toString("hex").padEnd(1000, "x"));

test("R69: runs that ended too long ago are removed with their results and logs; newer and unfinished runs are kept", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const [old, young, newest] = [
    await at.addRun({ host, ended: 0, lines: ["old"] }),
    await at.addRun({ host, ended: 6, lines: ["young"] }),
    await at.addRun({ host, ended: 7 }),
  ];
  const waiting = await at.addRun({ host, op: "switch", ended: null });
  at.clock.advance(15 * DAY);
  await at.retain({ runAge: 10 * DAY });
  expect(await at.look(old)).toEqual(gone);
  expect(await at.look(young)).toMatchObject({ ...whole, chunks: 1 });
  expect(await at.look(newest)).toMatchObject(whole);
  expect(await at.look(waiting)).toMatchObject(whole);
  const { kept, real } = await at.sums();
  expect(kept).toEqual(real);
});

test("R69: no run is skipped when many ended at the same time", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const runs: RunId[] = [];
  for (let count = 0; count < 50; count++) runs.push(await at.addRun({ host, ended: 0 }));
  at.clock.advance(20 * DAY);
  await at.retain({ runAge: 10 * DAY });
  const left = (await at.store.db.selectFrom("runs").select("id").execute()).map(({ id }) => id);
  expect(left).toEqual(runs.slice(-1));
});

test("R69: the last run of each op and host is kept, however old it is", async () => {
  await using at = await open();
  const [alpha, beta] = [await at.addHost("alpha"), await at.addHost("beta")];
  const before = await at.addRun({ host: alpha, op: "test" });
  const last = [
    await at.addRun({ host: alpha, op: "test", lines: ["ok"] }),
    await at.addRun({ host: alpha, op: "switch", deployed: true }),
    await at.addRun({ host: beta, op: "test" }),
  ];
  at.clock.advance(1000 * DAY);
  await at.retain({ runAge: DAY, runsPerHost: 1 });
  expect(await at.look(before)).toEqual(gone);
  for (const runId of last) expect(await at.look(runId)).toMatchObject(whole);
  expect(await at.look(last[0] as RunId)).toMatchObject({ chunks: 1, discarded: false });
});

test("R69: deployments and runs in the audit trail are reduced to a row with the time of pruning", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const deployment = await at.addRun({ host, op: "switch", deployed: true, lines: ["built"] });
  const named = await at.addRun({ host, op: "switch", audited: true });
  const neither = await at.addRun({ host, op: "switch" });
  await at.addRun({ host, op: "switch", ended: 100 });
  const changed: RunId[] = [];
  at.bus.on("run.changed", ({ runId }) => void changed.push(runId), { owner: "test" });
  at.clock.advance(101 * DAY);
  await at.retain({ runAge: 10 * DAY });
  expect(await at.look(deployment)).toMatchObject({ ...short, discarded: true });
  expect(await at.look(named)).toMatchObject(short);
  expect(await at.look(neither)).toEqual(gone);
  const rows = await at.store.db.selectFrom("runs").select(["id", "pruned_at"]).where("pruned_at", "is not", null).execute();
  expect(rows.map((row) => row.pruned_at)).toEqual([at.clock.now(), at.clock.now()]);
  expect(await at.store.db.selectFrom("deployments").select("run_id").execute()).toEqual([{ run_id: deployment }]);
  expect(new Set(changed)).toEqual(new Set([deployment, named, neither]));

  // A pruned run is not processed again.
  changed.length = 0;
  await at.retain({ runAge: 10 * DAY });
  expect(changed).toEqual([]);
});

test("R69: only the newest runs of each host are kept, and hosts are counted separately", async () => {
  await using at = await open();
  const [alpha, beta] = [await at.addHost("alpha"), await at.addHost("beta")];
  const oldest = await at.addRun({ host: alpha, ended: null });
  const runs: RunId[] = [];
  for (let count = 0; count < 50; count++) runs.push(await at.addRun({ host: alpha, ended: count }));
  const other: RunId[] = [];
  for (let count = 0; count < 3; count++) other.push(await at.addRun({ host: beta, ended: 0 }));
  const waiting = await at.addRun({ host: alpha, ended: null });
  await at.retain({ runsPerHost: 4 });
  expect(await at.look(oldest)).toMatchObject(whole);
  const left = [];
  for (const runId of runs) if ((await at.look(runId)).row === "whole") left.push(runId);
  // The queued run is the fourth.
  expect(left).toEqual(runs.slice(-3));
  for (const runId of [...other, waiting]) expect(await at.look(runId)).toMatchObject(whole);
});

test("R44: the log of a run that ended too long ago is removed, and the rest of the run is kept", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const old = await at.addRun({ host, ended: 0, lines: ["old"] });
  const young = await at.addRun({ host, ended: 6, lines: ["young"] });
  const active = await at.addRun({ host, ended: null, lines: ["at work"] });
  at.clock.advance(15 * DAY);
  await at.retain({ logAge: 15 * DAY - 1 });
  expect(await at.look(old)).toEqual({ ...whole, chunks: 0, discarded: true });
  for (const runId of [young, active]) expect(await at.look(runId)).toEqual({ ...whole, chunks: 1, discarded: false });
});

test("R44: when all logs exceed the size limit, the oldest are removed until the rest fits, except those of unfinished runs", async () => {
  await using at = await open();
  const [alpha, beta] = [await at.addHost("alpha"), await at.addHost("beta")];
  const active = await at.addRun({ host: alpha, ended: null, lines: kilobytes(10) });
  const second = await at.addRun({ host: alpha, ended: 2, lines: kilobytes(10) });
  const first = await at.addRun({ host: beta, ended: 1, lines: kilobytes(10) });
  const third = await at.addRun({ host: beta, ended: 3, lines: kilobytes(10) });
  const all = (await at.usage(alpha)) + (await at.usage(beta));
  await at.retain({ logBytes: all });
  expect(await at.look(first)).toMatchObject({ discarded: false });
  await at.retain({ logBytes: all - 1 });
  expect(await at.look(first)).toMatchObject({ discarded: true, chunks: 0 });
  expect(await at.look(second)).toMatchObject({ discarded: false });
  await at.retain({ logBytes: 1 });
  expect(await at.look(second)).toMatchObject({ discarded: true, chunks: 0 });
  expect(await at.look(third)).toMatchObject({ discarded: true, chunks: 0 });
  expect(await at.look(active)).toMatchObject({ discarded: false, chunks: 1 });
});

test("R44: when a host's logs exceed its limit, its own oldest logs are removed until a tenth of the limit is free", async () => {
  await using at = await open();
  const [alpha, beta] = [await at.addHost("alpha"), await at.addHost("beta")];
  const others = [
    await at.addRun({ host: beta, ended: 0, lines: kilobytes(1) }),
    await at.addRun({ host: null, ended: 0, lines: kilobytes(1) }),
  ];
  const runs: RunId[] = [];
  for (let count = 0; count < 10; count++) runs.push(await at.addRun({ host: alpha, ended: count, lines: kilobytes(10) }));
  const each = (await at.usage(alpha)) / 10;
  await at.retain({ hostLogBytes: each * 10 });
  const discarded = [];
  for (const runId of runs) discarded.push((await at.look(runId)).discarded);
  expect(discarded).toEqual([true, ...Array(9).fill(false)]);
  for (const runId of others) expect(await at.look(runId)).toMatchObject({ discarded: false });

  const active = await at.addRun({ host: alpha, ended: null, lines: kilobytes(10) });
  await at.retain({ hostLogBytes: each * 2 });
  expect(await at.look(active)).toMatchObject({ discarded: false });
  expect(await at.look(runs[9] as RunId)).toMatchObject({ discarded: true });

  // The dashboard's own runs have the same limit as a host.
  const own = await at.addRun({ host: null, ended: 1, lines: kilobytes(1) });
  await at.retain({ hostLogBytes: each });
  expect(await at.look(own)).toMatchObject({ discarded: false });
  await at.retain({ hostLogBytes: each * 0.15 });
  expect([await at.look(others[1] as RunId), await at.look(own)]).toMatchObject([{ discarded: true }, { discarded: false }]);

  // The log of an unfinished run is kept, whatever its size.
  await at.retain({ hostLogBytes: 1 });
  expect(await at.look(active)).toMatchObject({ discarded: false });
});

/** Adds a log with more chunks than one transaction removes. */
async function addLongLog(at: Awaited<ReturnType<typeof open>>, host: HostId, ended: number) {
  const runId = await at.addRun({ host, ended });
  for (let count = 0; count < 40; count++) {
    await at.append(runId, host, [line(`chunk ${count}`)], { endedAt: at.clock.now() + ended * DAY });
  }
  return runId;
}

test("R44: an interrupted removal is resumed in the next round, even if everything fits by then", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const half = await addLongLog(at, host, 0);
  const next = await at.addRun({ host, ended: 1, lines: kilobytes(1) });
  // Interrupted after the first transaction.
  const killed = new AbortController();
  const stop = at.bus.on("run.changed", () => killed.abort(), { owner: "test" });
  await at.retain({ logBytes: 1 }, killed.signal);
  stop();
  expect(await at.look(half)).toMatchObject({ discarded: true, chunks: 24 });
  // The rest is not offered for packing, which would retry forever.
  at.clock.advance(DAY);
  expect(await nextToPack(at.store, at.clock.now())).toMatchObject({ runId: next });
  expect((await at.sums()).kept).toEqual((await at.sums()).real);
  await at.retain({});
  expect(await at.look(half)).toEqual({ ...whole, discarded: true, chunks: 0 });
  expect(await at.look(next)).toMatchObject({ discarded: false, chunks: 1 });
  expect((await at.sums()).kept).toEqual((await at.sums()).real);
});

test("R69: pruning that was interrupted within a log is resumed in the next round", async () => {
  await using at = await open();
  const host = await at.addHost("alpha");
  const half = await addLongLog(at, host, 0);
  await at.addRun({ host, ended: 20 });
  at.clock.advance(20 * DAY);
  const killed = new AbortController();
  const stop = at.bus.on("run.changed", () => killed.abort(), { owner: "test" });
  await at.retain({ runAge: 10 * DAY }, killed.signal);
  stop();
  expect(await at.look(half)).toEqual({ ...whole, discarded: true, chunks: 24 });
  await at.retain({ runAge: 10 * DAY });
  expect(await at.look(half)).toEqual(gone);
  expect((await at.sums()).kept).toEqual((await at.sums()).real);
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("append" as const), who: fc.nat(3), size: fc.nat(3000), many: fc.nat(4) }),
  },
  fc.record({ do: fc.constant("end" as const), who: fc.nat(3) }),
  fc.record({ do: fc.constant("pack" as const), who: fc.nat(3) }),
  fc.record({
    do: fc.constant("retain" as const),
    logBytes: fc.constantFrom(1, 4000, 1e9),
    hostLogBytes: fc.constantFrom(2000, 1e9),
  }),
  fc.record({ do: fc.constant("prune" as const), runsPerHost: fc.constantFrom(0, 1, 9) }),
);

test("R69: the stored totals match the size of the logs after any sequence of appending, packing, removal and pruning", async () => {
  const { signal } = new AbortController();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using at = await open();
      const host = await at.addHost("alpha");
      const owners = [host, host, await at.addHost("beta"), null];
      const runs: { id: RunId; owner: HostId | null; endedAt: number | null }[] = [];
      for (const owner of owners) runs.push({ id: await at.addRun({ host: owner, ended: null }), owner, endedAt: null });
      const limits = { runBytes: 9000, hostBytes: 15_000 };
      for (const action of steps) {
        at.clock.advance(1000);
        if (action.do === "retain") await at.retain(action);
        else if (action.do === "prune") await at.retain({ runsPerHost: action.runsPerHost });
        else {
          const run = runs[action.who] as (typeof runs)[0];
          if ((await at.look(run.id)).row === "gone") continue;
          if (action.do === "pack") await packLog(at.store, { runId: run.id, hostId: run.owner }, signal);
          else if (action.do === "end") run.endedAt ??= await at.end(run.id, run.owner);
          else {
            const lines = Array.from({ length: action.many }, () => line("x".repeat(action.size)));
            await at.append(run.id, run.owner, lines, { endedAt: run.endedAt, limits });
          }
        }
        const { kept, real } = await at.sums();
        expect(kept).toEqual(real);
      }
    }),
    { numRuns: 40 },
  );
});
