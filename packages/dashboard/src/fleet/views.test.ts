import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type {
  Commit,
  Facts,
  HostId,
  Metrics,
  OpRequest,
  Preview,
  RunId,
  RunSummary,
  SourceId,
  SourceView,
  TerminalState,
} from "@nixfleet/protocol";
import { createFakeClock, createTempDir, sampleSettings } from "@nixfleet/testkit";
import type { Updateable } from "kysely";
import { expect, test } from "vitest";
import { storeFacts } from "../hosts/host-facts.ts";
import { createHosts, type HostPresence, NO_PRESENCE, sourceIdOf } from "../hosts/index.ts";
import { createIds } from "../ids.ts";
import { createRunLogs } from "../runs/log.ts";
import { appendLines } from "../runs/log-append.ts";
import { changedColumns, newRow } from "../runs/records.ts";
import { endedRun, runningRun } from "../runs/run.fixture.ts";
import type { EndedRun } from "../runs/run.ts";
import type { Standing } from "../sources/index.ts";
import { A, baseFacts, closure, hash, T } from "../status/sample-status.fixture.ts";
import type { RunResultsTable, RunsTable } from "../store/index.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { createFleetViews } from "./index.ts";

const NO_RESULTS = { command: null, progress: null, tests: [], run_warnings: [], preview: null, diff: null };

const CFG = { repoUrl: "https://git.example.org/me/cfg", branch: "main" };
const SOURCE = sourceIdOf(CFG);

/** `others`: branches of the same repository that are declared as well. `beforeSummary`: happens before a run is read. */
async function arrange({ others = [], beforeSummary }: { others?: string[]; beforeSummary?: (id: RunId) => Promise<void> } = {}) {
  const scope = new AsyncDisposableStack();
  const dir = scope.use(await createTempDir());
  const clock = createFakeClock();
  const { store, bus, publish } = await openTestStore({ path: join(dir.path, "nixfleet.db"), clock });
  scope.use(store);
  const ids = createIds({ now: clock.now, randomBytes });
  const hosts = createHosts({ store, clock, ids, randomBytes, endRuns: async () => {} });
  const links = new Map<HostId, HostPresence>();
  const link = (id: HostId, more: Partial<HostPresence>) => links.set(id, { ...NO_PRESENCE, ...links.get(id), ...more });
  const asked = { hosts: 0, standings: 0 };
  /** Deployed commits about which the source throws. */
  const poisonous = new Set<Commit>();
  const known = {
    state: "known",
    sourceId: SOURCE,
    repoUrl: "https://git.example.org/me/cfg",
    branch: "main",
    commit: T,
    subject: "nginx: raise worker connections",
    author: "Ada",
    committedAt: 1,
    fetchedAt: clock.now(),
    lockHash: hash("1"),
    inputs: {},
    url: null,
    stale: false,
    problem: null,
    next: null,
  } satisfies SourceView;
  const makeSource = (id: SourceId, branch: string) => {
    let view: SourceView = { ...known, sourceId: id, branch };
    return {
      id,
      view: () => view,
      standing: async (commit: Commit): Promise<Standing> => {
        asked.standings += 1;
        if (poisonous.has(commit)) throw new Error("database disk image is malformed");
        const equal = view.state === "known" && view.commit === commit;
        return { relation: equal ? { kind: "equal" } : { kind: "behind", behind: 3 }, lackingSince: null };
      },
      commits: async () => ({ items: [], complete: true }),
      subject: async (commit: Commit) => (commit === A ? `grafana: move to mon0, on ${branch}` : null),
      set(more: { commit?: Commit; stale?: boolean }) {
        view = { ...known, sourceId: id, branch, ...more };
        bus.emit("source.changed", { sourceId: id });
      },
    };
  };
  const sources = [makeSource(SOURCE, "main"), ...others.map((branch) => makeSource(sourceIdOf({ ...CFG, branch }), branch))];
  const [only] = sources.length === 1 ? sources : [];
  const setTarget = (more: { commit?: Commit; stale?: boolean }) => sources[0]?.set(more);
  const summary = async (id: RunId) => {
    await beforeSummary?.(id);
    const row = await store.db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) return null;
    return { id, state: row.state, op: row.op, word: "Build 61 %", sentence: "214 of 351" } as RunSummary;
  };
  const views = scope.use(
    createFleetViews({
      store,
      bus,
      clock,
      log: quiet,
      hosts: {
        list: hosts.list,
        token: hosts.token,
        get: (id) => {
          asked.hosts += 1;
          return hosts.get(id);
        },
      },
      sources: {
        list: () => sources,
        of: (id) => (id === null ? (only ?? null) : (sources.find((source) => source.id === id) ?? null)),
      },
      presence: { of: (id) => links.get(id) ?? NO_PRESENCE },
      runs: {
        summary,
        summaries: async (wanted) =>
          new Map((await Promise.all(wanted.map(summary))).flatMap((one) => (one === null ? [] : [[one.id, one]]))),
      },
      logs: createRunLogs(store),
    }),
  );
  const told: HostId[] = [];
  views.onChange((id) => told.push(id));

  const add = async (name: string) => {
    const added = await hosts.add({ name, platform: "nixos" });
    if (!added.ok) throw new Error(added.code);
    return added.id;
  };
  const report = async (hostId: HostId, facts: Partial<Facts>) => {
    await store.change((change) => storeFacts(change, hostId, { readAt: clock.now(), facts }, "now"));
  };
  let number = 0;
  const done = async (
    hostId: HostId,
    request: OpRequest,
    { state, ...more }: Partial<Omit<EndedRun, "state">> & { state: TerminalState | "running" },
    { results, ...columns }: Updateable<RunsTable> & { results?: Partial<RunResultsTable> } = {},
  ) => {
    const id = ids.run();
    const made =
      state === "running"
        ? runningRun({ id, hostId, request, createdAt: clock.now() })
        : endedRun(state, { id, hostId, request, commit: T, createdAt: clock.now(), ...more });
    await store.change(async ({ db: trx }) => {
      await trx
        .insertInto("runs")
        .values(newRow(made, { number: ++number, subject: null }))
        .execute();
      await trx
        .updateTable("runs")
        .set({ ...changedColumns(made), ...columns })
        .where("id", "=", made.id)
        .execute();
      if (results !== undefined)
        await trx
          .insertInto("run_results")
          .values({ ...NO_RESULTS, run_id: id, ...results })
          .execute();
    });
    publish("run.changed", { runId: made.id, hostId });
    return made.id;
  };
  const deployed = (hostId: HostId, runId: RunId, path: string, commit: Commit) =>
    store.change(({ db: trx }) =>
      trx
        .insertInto("deployments")
        .values({
          run_id: runId,
          host_id: hostId,
          closure: path,
          commit_id: commit,
          at: clock.now(),
          generation: 287,
          mode: "switch",
        })
        .execute(),
    );
  return {
    scope,
    store,
    bus,
    publish,
    clock,
    hosts,
    views,
    links: { set: link },
    told,
    asked,
    poisonous,
    add,
    report,
    done,
    deployed,
    setTarget,
    sources,
    /** As its hello does. */
    track: (id: HostId, source: { repoUrl: string; branch: string }) =>
      store.change(async (change) => {
        const settings = { ...sampleSettings, ...source };
        await change.db
          .updateTable("hosts")
          .set({ settings, source_id: sourceIdOf(source) })
          .where("id", "=", id)
          .execute();
        change.emit("host.changed", { hostId: id });
      }),
  };
}
const switching: OpRequest = { op: "switch", args: { mode: "switch" } };
const facts = { ...baseFacts, lock: { hash: hash("1"), inputs: {} } };

test("R25: a host that is added, renamed or removed is told, and the rows follow", async () => {
  const { scope, views, hosts, add, told } = await arrange();
  await using _ = scope;
  await views.start();

  const b = await add("beta");
  const a = await add("Alpha");
  expect((await views.rows()).map(({ name }) => name)).toEqual(["Alpha", "beta"]);

  await hosts.change(b, { name: "aardvark" });
  expect((await views.rows()).map(({ name }) => name)).toEqual(["aardvark", "Alpha"]);

  await hosts.remove(a);
  expect((await views.rows()).map(({ name }) => name)).toEqual(["aardvark"]);
  expect(await views.row(a)).toBeNull();
  expect(told).toEqual([b, a, b, a]);
});

test("R16: what a host pulled and what it runs come from what was reported and deployed, and outlive a restart", async () => {
  const { scope, views, add, report, done, deployed } = await arrange();
  await using _ = scope;
  const id = await add("csb1");
  const run = await done(id, switching, { state: "succeeded" });
  await deployed(id, run, closure("c"), A);
  await report(id, facts);

  await views.start();

  const row = await views.row(id);
  expect(row).toMatchObject({
    relation: { kind: "equal" },
    runs: { commit: A, generation: 287 },
    cause: { lead: "Pulled, not switched" },
  });
  expect(await views.view(id)).toMatchObject({
    runningSubject: "grafana: move to mon0, on main",
    deployedBy: "ada",
    failure: null,
  });
});

test("R2: a host that could not be read is read again by itself", async () => {
  let fails = false;
  const { scope, clock, views, add, done, publish } = await arrange({
    beforeSummary: async () => {
      if (fails) throw new Error("database is locked");
    },
  });
  await using _ = scope;
  const id = await add("csb1");
  await views.start();
  fails = true;
  const run = await done(id, switching, { state: "running" });
  publish("run.changed", { runId: run, hostId: id });
  expect((await views.row(id))?.run).toBeNull();
  await clock.advanceAsync(20_000);
  expect((await views.row(id))?.run).toBeNull();

  fails = false;
  await clock.advanceAsync(20_000);

  expect((await views.row(id))?.run?.id).toBe(run);
});

test("R2: at the start a host that cannot be read holds up no other, and comes once it can be", async () => {
  const { scope, clock, views, add, report, poisonous } = await arrange();
  await using _ = scope;
  const poisoned = await add("csb1");
  await add("dsc0");
  await report(poisoned, facts);
  poisonous.add(T);
  await views.start();
  expect((await views.rows()).map(({ name }) => name)).toEqual(["dsc0"]);

  poisonous.clear();
  await clock.advanceAsync(20_000);

  expect((await views.rows()).map(({ name }) => name)).toEqual(["csb1", "dsc0"]);
});

test.for(["while a change of the host is read", "while all hosts are read at the start"])(
  "R2: a run that ends %s is not shown as the host's run for ever",
  async (when, { onTestFinished }) => {
    const reading = { run: null as RunId | null };
    const { scope, store, views, add, report, done, publish } = await arrange({
      beforeSummary: async (id) => {
        if (reading.run !== id) return;
        reading.run = null;
        await store.change(({ db }) =>
          db.updateTable("runs").set({ state: "succeeded", ended_at: 1 }).where("id", "=", id).execute(),
        );
      },
    });
    onTestFinished(() => scope.disposeAsync());
    const id = await add("csb1");
    const atStart = when.endsWith("start");
    if (!atStart) await views.start();
    const run = await done(id, switching, { state: "running" });
    if (!atStart) expect((await views.row(id))?.run?.id).toBe(run);

    reading.run = run;
    if (atStart) await views.start();
    else await report(id, facts);
    await views.row(id);
    expect(reading.run).toBeNull();
    publish("run.changed", { runId: run, hostId: id });

    expect((await views.row(id))?.run).toBeNull();
  },
);

test("R20: facts that a message does not name stay as they were", async () => {
  const { scope, views, add, report, clock } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, facts);
  clock.advance(1000);

  await report(id, { kernel: "6.12.61" });

  expect((await views.row(id))?.compartments.git.word).toBe("at target");
  expect((await views.view(id))?.facts).toMatchObject({ kernel: "6.12.61", clone: { commit: T } });
});

test("R17: a preview of the target that gave what runs makes the host current, and its pages tell of it", async () => {
  const { scope, views, add, report, done } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, { ...facts, generations: [{ number: 287, at: 1, closure: closure("c"), current: true }] });
  expect((await views.row(id))?.compartments.system.word).toBe("from outside");
  expect(await views.changes(id)).toMatchObject({ run: null, preview: null, standing: "none", commits: [] });

  const preview = {
    commit: T,
    closure: closure("c"),
    against: closure("c"),
    units: null,
    reboot: { needed: false, reasons: [] },
    agent: "same",
  } satisfies Preview;
  const shown = { results: { preview }, previewed_closure: closure("c") };
  const request = (args: object) => ({ op: "preview", args }) as OpRequest;
  const run = await done(id, request({}), { state: "succeeded" }, shown);
  // Later ones that looked at something else, or came to nothing, do not take its place.
  await done(
    id,
    request({ generation: 287 }),
    { state: "succeeded", commit: null },
    { results: { preview: { ...preview, commit: null } } },
  );
  const failed = await done(id, request({}), { state: "failed" });

  expect((await views.row(id))?.compartments.system.word).toBe("current");
  expect(await views.changes(id)).toMatchObject({
    run: { id: failed },
    preview: { commit: T },
    standing: "fresh",
    sentence: expect.stringContaining("builds exactly what the host runs"),
  });
  expect(run).not.toBe(failed);
  expect(await views.generations(id)).toMatchObject([{ number: 287, marks: ["running", "next-boot"], by: null }]);
});

test("R34: generations tell who deployed them from here, and what of; after a rollback the host runs another commit", async () => {
  const { scope, views, add, report, done, deployed } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  const run = await done(id, switching, { state: "succeeded" });
  await deployed(id, run, closure("c"), A);
  const generations = [
    { number: 286, at: 1, closure: closure("b"), current: false },
    { number: 287, at: 2, closure: closure("c"), current: true },
  ];
  await report(id, { ...facts, generations });
  expect(await views.generations(id)).toMatchObject([
    { number: 287, commit: A, subject: "grafana: move to mon0, on main", by: "ada", runId: run, rollback: null, denied: null },
    { number: 286, commit: null, subject: null, by: null, runId: null },
  ]);
  expect(await views.generations("01j0000000000000000000000z" as HostId)).toBeNull();
});

test("R25: a target that moves changes the rows of all hosts without one of them being read again", async () => {
  const { scope, views, add, report, setTarget, asked } = await arrange();
  await using _ = scope;
  await views.start();
  const ids = [await add("a"), await add("b")];
  for (const id of ids) await report(id, facts);
  await views.rows();
  const before = asked.hosts;

  setTarget({ commit: "9".repeat(40) });

  expect((await views.rows()).map((row) => row.compartments.git.word)).toEqual(["3 behind", "3 behind"]);
  expect(asked.hosts).toBe(before);
});

test("R19: the rows turn unproven together when the target turns stale, and green again", async () => {
  const { scope, views, add, report, done, deployed, setTarget } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await deployed(id, await done(id, switching, { state: "succeeded" }), closure("c"), T);
  await done(
    id,
    { op: "test", args: {} },
    { state: "succeeded" },
    {
      closure_at_end: closure("c"),
      results: { tests: [{ script: "T1.sh", outcome: "passed", milliseconds: 1, number: 1, total: 1 }] },
    },
  );
  await report(id, facts);
  expect(await views.row(id)).toMatchObject({ status: "ok", cause: null });

  setTarget({ stale: true });
  expect(await views.row(id)).toMatchObject({ status: "unknown", cause: null, compartments: { git: { word: "target stale" } } });

  setTarget({ stale: false });
  expect(await views.row(id)).toMatchObject({ status: "ok" });
});

test("R21: R43: heartbeats of 1,000 hosts change meters only: nothing is read, written, compared with the target or started", async () => {
  const { scope, views, store, bus, clock, links, asked, told } = await arrange();
  await using _ = scope;
  const ids = createIds({ now: clock.now, randomBytes });
  const all = Array.from({ length: 1000 }, () => ids.host());
  await store.change(async ({ db: trx }) => {
    for (const [i, id] of all.entries()) {
      await trx
        .insertInto("hosts")
        .values({ id, name: `h${i}`, name_key: `h${i}`, platform: "nixos", notes: "", added_at: 0 })
        .execute();
    }
  });
  await views.start();
  const before = { ...asked, writes: store.transactions, told: told.length };

  for (let beat = 0; beat < 5; beat++) {
    for (const id of all) {
      links.set(id, { connectedSince: 1, metrics: { at: clock.now(), load: beat } satisfies Metrics });
      bus.emit("host.metrics", { hostId: id });
    }
  }

  expect((await views.rows()).every(({ load }) => load === 4)).toBe(true);
  expect({ ...asked, writes: store.transactions }).toEqual({
    hosts: before.hosts,
    standings: before.standings,
    writes: before.writes,
  });
  expect(await store.db.selectFrom("runs").selectAll().execute()).toEqual([]);
  expect(told.length - before.told).toBe(5000);
});

test("progress of a run at work is followed without reading its host again; its end is", async () => {
  const { scope, views, store, publish, add, report, done, asked } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, facts);
  const runId = await done(id, switching, { state: "running" });
  expect(await views.row(id)).toMatchObject({
    status: "working",
    compartments: { system: { word: "Build 61 %" } },
    next: { kind: "open-run" },
  });
  const before = asked.hosts;

  for (let i = 0; i < 10; i++) publish("run.changed", { runId, hostId: id });
  await views.rows();
  expect(asked.hosts).toBe(before);

  await store.change(({ db: trx }) =>
    trx
      .updateTable("runs")
      .set({
        state: "failed",
        ended_at: 2,
        run_outcome: { code: "build-failed", reason: "It failed.", firstError: "builder failed", reported: true },
      })
      .where("id", "=", runId)
      .execute(),
  );
  publish("run.changed", { runId, hostId: id });
  expect(await views.row(id)).toMatchObject({ status: "broken", cause: { lead: "Switch failed", detail: "builder failed" } });
  expect(asked.hosts).toBe(before + 1);
  expect(await views.view(id)).toMatchObject({ failure: { id: runId }, failureLog: [] });
});

test("R61: while a host suffers from a failed switch, its page has the lines around the first error", async () => {
  const { scope, views, store, add, report, done, publish } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, facts);
  const runId = await done(id, switching, { state: "failed" });
  const lines = Array.from({ length: 100 }, (_line, i) => ({
    at: 1,
    stream: "build" as const,
    text: `line ${i + 1}`,
    ...(i === 39 ? { level: "error" as const } : {}),
  }));
  const limits = { runBytes: 1e9, hostBytes: 1e9 };
  await store.change((change) => appendLines(change, { runId, hostId: id, endedAt: 2 }, lines, { now: 1, limits }));

  const view = await views.view(id);
  expect(view?.failureLog.map(({ n, text }) => [n, text])).toEqual([38, 39, 40, 41, 42].map((n) => [n, `line ${n}`]));

  // R71: the line that the host names comes before the first one that is marked.
  const run_outcome = {
    code: "build-failed" as const,
    reason: "It failed.",
    firstError: "line 70",
    firstErrorLine: 70,
    reported: true,
  };
  await store.change(({ db }) => db.updateTable("runs").set({ run_outcome }).where("id", "=", runId).execute());
  publish("run.changed", { runId, hostId: id });
  expect((await views.view(id))?.failureLog.map(({ n }) => n)).toEqual([68, 69, 70, 71, 72]);

  await done(id, switching, { state: "succeeded" });
  expect(await views.view(id)).toMatchObject({ failure: null, failureLog: [] });
});

test("F9: F10: a host that goes is stale, then offline, by time alone", async () => {
  const { scope, views, bus, clock, links, add } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  expect(await views.row(id)).toMatchObject({ reachability: { state: "never", since: null } });

  const since = clock.now();
  links.set(id, { connectedSince: since });
  bus.emit("presence.changed", { hostId: id });
  expect(await views.row(id)).toMatchObject({ reachability: { state: "online", since } });

  links.set(id, { connectedSince: null, lastHeardAt: since });
  bus.emit("presence.changed", { hostId: id });
  expect(await views.row(id)).toMatchObject({ reachability: { state: "stale", since } });

  clock.advance(5 * 60_000);
  expect(await views.row(id)).toMatchObject({ reachability: { state: "offline", since } });
});

test("F10: R37: an undo that does not come turns overdue by time alone, though nobody says anything", async () => {
  const { scope, views, bus, clock, links, add, report, told } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  links.set(id, { connectedSince: clock.now() });
  bus.emit("presence.changed", { hostId: id });
  const runId = "01j00000000000000000000001" as RunId;
  await report(id, { ...facts, deadman: { runId, until: clock.now() + 60_000, back: closure("b") } });
  expect(await views.row(id)).toMatchObject({ compartments: { system: { word: "not confirmed", status: "attention" } } });

  clock.advance(60_000 + 3 * 60_000);
  // Its row is made again in the very last moment.
  bus.emit("presence.changed", { hostId: id });
  expect(await views.row(id)).toMatchObject({ compartments: { system: { word: "not confirmed" } } });
  const before = told.length;
  clock.advance(1);
  expect(await views.row(id)).toMatchObject({
    status: "broken",
    compartments: { system: { word: "undo overdue", status: "broken" } },
  });
  expect(told.slice(before)).toEqual([id]);
});

test("F10: of what turns by time alone, the first turn comes first, and each makes room for the next", async () => {
  const { scope, views, bus, clock, links, add, report } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  const since = clock.now();
  links.set(id, {
    connectedSince: null,
    lastHeardAt: since,
    conflict: { at: since, reason: "A second agent claims to be this host.", instance: "other" },
  });
  bus.emit("presence.changed", { hostId: id });
  const runId = "01j00000000000000000000001" as RunId;
  await report(id, { ...facts, deadman: { runId, until: since + 7 * 60_000, back: closure("b") } });
  const seen = async () => {
    const row = await views.row(id);
    return [row?.reachability.state, row?.compartments.system.word, row?.compartments.agent.word];
  };
  expect(await seen()).toEqual(["stale", "not confirmed", "conflict"]);
  const timers = clock.waiting;
  for (let time = 0; time < 3; time++) bus.emit("presence.changed", { hostId: id });
  await views.rows();
  expect(clock.waiting).toBe(timers);
  clock.advance(3 * 60_000);
  expect(await seen()).toEqual(["stale", "not confirmed", "current"]);
  clock.advance(2 * 60_000);
  expect(await seen()).toEqual(["offline", "not confirmed", "current"]);
  clock.advance(5 * 60_000 + 1);
  expect(await seen()).toEqual(["offline", "undo overdue", "current"]);
});

test("a host that was removed leaves no timer behind", async () => {
  const { scope, views, hosts, bus, clock, links, add } = await arrange();
  await using _ = scope;
  await views.start();
  const timers = clock.waiting;
  const id = await add("csb1");
  links.set(id, { connectedSince: null, lastHeardAt: clock.now() });
  bus.emit("presence.changed", { hostId: id });
  await views.rows();
  expect(clock.waiting).toBe(timers + 1);
  await hosts.remove(id);
  await views.rows();
  expect(clock.waiting).toBe(timers);
});

test("F9: R24: measurements of a host that left are not shown as if they were of now", async () => {
  const { scope, views, bus, clock, links, add } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  const memory = { used: 1, total: 2 };
  links.set(id, { connectedSince: clock.now(), metrics: { at: clock.now(), load: 3, memory } });
  bus.emit("host.metrics", { hostId: id });
  expect(await views.row(id)).toMatchObject({ load: 3, memory: 0.5 });
  links.set(id, { connectedSince: null, lastHeardAt: clock.now(), metrics: null });
  bus.emit("presence.changed", { hostId: id });
  expect(await views.row(id)).toMatchObject({ load: null, memory: null });
});

test("F10: R30: a second machine that claims to be a host is a conflict until it has not tried for three minutes, in which it would have", async () => {
  const { scope, views, bus, clock, links, add, report } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, facts);

  links.set(id, {
    connectedSince: clock.now(),
    conflict: { at: clock.now(), reason: "A second agent claims to be this host.", instance: "other" },
  });
  bus.emit("presence.changed", { hostId: id });
  expect(await views.row(id)).toMatchObject({
    status: "broken",
    conflict: "A second agent claims to be this host.",
    compartments: { agent: { word: "conflict" } },
  });

  clock.advance(2 * 60_000);
  expect(await views.row(id)).toMatchObject({ compartments: { agent: { word: "conflict" } } });
  clock.advance(60_000);
  expect(await views.row(id)).toMatchObject({ conflict: null, compartments: { agent: { word: "current" } } });
});

test("a host is compared with the target of the source that it tracks, and only its hosts are told when that moves", async () => {
  const { scope, views, add, report, track, sources, told, asked } = await arrange({ others: ["stable"] });
  await using _ = scope;
  await views.start();
  const [main, stable] = [await add("main"), await add("stable")];
  await track(main, CFG);
  await track(stable, { ...CFG, branch: "stable" });
  for (const id of [main, stable]) await report(id, { ...facts, running: { closure: closure("d"), revision: A } });
  expect((await views.rows()).map(({ sourceId }) => sourceId)).toEqual(sources.map(({ id }) => id));
  told.length = 0;
  asked.standings = 0;

  sources[1]?.set({ commit: A });

  expect((await views.rows()).map(({ compartments: { git, system } }) => [git.word, system.word])).toEqual([
    ["at target", "not switched"],
    ["3 behind", "not yet"],
  ]);
  expect(new Set(told)).toEqual(new Set([stable]));
  expect(await views.view(stable)).toMatchObject({ runningSubject: "grafana: move to mon0, on stable" });
  expect(await views.view(main)).toMatchObject({ runningSubject: "grafana: move to mon0, on main" });
});

test("a host of a source that is not declared says so; one that has said nothing yet counts to the only one", async () => {
  const { scope, views, add, report, track, done } = await arrange();
  await using _ = scope;
  await views.start();
  const id = await add("csb1");
  await report(id, facts);
  await done(id, switching, { state: "succeeded" });
  expect(await views.row(id)).toMatchObject({ sourceId: SOURCE, compartments: { git: { word: "at target" } } });

  const other = { repoUrl: "https://git.example.org/me/other.git", branch: "main" };
  await track(id, other);
  const row = await views.row(id);
  expect(row).toMatchObject({
    sourceId: sourceIdOf(other),
    status: "attention",
    compartments: { git: { word: "other source" } },
  });
  expect(row?.compartments.git.sentence).toContain("This host follows main of git.example.org/me/other");
  expect(await views.view(id)).toMatchObject({ runningSubject: null });
  expect(await views.changes(id)).toMatchObject({ commits: [] });
  expect(await views.generations(id)).toEqual([]);

  await track(id, CFG);
  expect(await views.row(id)).toMatchObject({ sourceId: SOURCE, compartments: { git: { word: "at target" } } });
});
