import { setTimeout as passes } from "node:timers/promises";
import { isTerminal, REFUSALS, type RunId } from "@nixfleet/protocol";
import { type Behaviour, createFakeClock, createHealthyHost, createTempDir, type Step, sampleSettings } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { ADA, COMMIT, type Core, OLDER_COMMIT, openCore, openFleet } from "../core.fixture.ts";
import { sourceIdOf } from "../hosts/index.ts";
import { QUEUE_LIMIT } from "./index.ts";
import { newRow } from "./records.ts";
import { endedRun } from "./run.fixture.ts";

const quick = { behaviour: createHealthyHost({ pace: 0 }), backoff: { first: 20, longest: 100 } };
const HOUR = 3_600_000;
const unfinished = async (core: Core) => (await core.views.list({ limit: 100 })).items.filter(({ state }) => !isTerminal(state));
const waiting =
  (gate: Promise<unknown>): Behaviour =>
  (start, host) => [{ do: "until", resolved: gate }, ...(createHealthyHost({ pace: 0 })(start, host) as Step[])];

test("R12: of many dispatches to one host at the same instant exactly one starts; the others wait or are refused with the reason", async () => {
  const gate = Promise.withResolvers<void>();
  await using lab = await openFleet(["alpha"], { simulator: { ...quick, behaviour: waiting(gate.promise) } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const asked = await Promise.all([
    ...Array.from({ length: 5 }, () => core.ask(id, "pull", { whenBlocked: "queue" })),
    ...Array.from({ length: 5 }, () => core.ask(id, "pull")),
  ]);
  const started = asked.filter((answer) => answer.ok);
  expect(started).toHaveLength(5);
  expect(asked.slice(5).every((answer) => !answer.ok && answer.code === "host-busy")).toBe(true);
  const states = (await unfinished(core)).map((run) => [run.state, run.queueReason]);
  expect(states.filter(([state]) => state !== "queued")).toHaveLength(1);
  expect(states.filter(([, reason]) => reason === "host-busy")).toHaveLength(4);
  gate.resolve();
  for (const answer of started) {
    if (answer.ok) expect(await core.whenEnded(answer.runId)).toMatchObject({ state: "succeeded" });
  }
  // One after another, in the order in which they were asked for.
  expect(lab.fleet.host("alpha").begun).toEqual(started.map((answer) => answer.ok && answer.runId));
});

test("R12: the database itself takes no second active run of a host", async () => {
  const gate = Promise.withResolvers<void>();
  await using lab = await openFleet(["alpha"], { simulator: { ...quick, behaviour: waiting(gate.promise) } });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  await lab.core.begin(lab.id, "pull");
  const second = await lab.core.begin(lab.id, "pull", { whenBlocked: "queue" });
  const forced = lab.core.store.change(({ db: trx }) =>
    trx.updateTable("runs").set({ state: "running" }).where("id", "=", second).execute(),
  );
  await expect(forced).rejects.toThrow(/UNIQUE/);
  gate.resolve();
});

test("a run for a host that is offline waits and says so, and starts when the host comes; without leave to wait it is refused", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick });
  const { core, id } = lab;
  expect(await core.ask(id, "pull")).toMatchObject({ ok: false, code: "host-offline" });
  expect(await core.ask(id, "refresh", { whenBlocked: "queue" })).toMatchObject({ ok: false, code: "host-offline" });
  const runId = await core.begin(id, "pull", { whenBlocked: "queue" });
  expect(await core.views.summary(runId)).toMatchObject({ state: "queued", queueReason: "host-offline", word: "queued" });
  lab.fleet.start();
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
});

test("a run that waited for seven days is refused as expired, by the clock alone", async () => {
  const clock = createFakeClock();
  await using folder = await createTempDir();
  const core = await openCore({ path: `${folder.path}/db`, clock });
  const { id } = await core.addHost("alpha");
  const runId = await core.begin(id, "pull", { whenBlocked: "queue" });
  clock.advance(QUEUE_LIMIT - 1000);
  expect(await core.views.summary(runId)).toMatchObject({ state: "queued" });
  clock.advance(1000);
  expect(await core.whenEnded(runId)).toMatchObject({ state: "refused", sentence: expect.stringContaining("waited too long") });
  await core.stop();
});

test("R15: R2: R67: a silent run of six hours is slow after three, and lost a week after its deadline if its host stays away; the host is free again then", async () => {
  const clock = createFakeClock();
  await using lab = await openFleet(["alpha"], {
    clock,
    deadlines: { switch: 6 * HOUR },
    simulator: { clock, backoff: { first: 1, longest: 1 }, behaviour: () => [{ do: "phase", phase: "build" }, { do: "hang" }] },
  });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await core.begin(id, "switch");
  // The host does not have its request yet, and counts from when it has: a single step of the clock could come before that.
  const ticker = setInterval(() => clock.advance(10), 5);
  await core.whenRun(runId, (run) => run.state === "running" && run.phases.some(({ state }) => state === "current"));
  lab.fleet.host("alpha").dropLink(400 * HOUR);
  await core.until("presence.changed", async () => core.links.presence(id).connectedSince === null);
  await core.whenRun(runId, (run) => run.linkLost);
  clearInterval(ticker);
  clock.advance(2.9 * HOUR);
  expect(await core.views.summary(runId)).toMatchObject({ state: "running", slow: false });
  clock.advance(0.2 * HOUR);
  expect(await core.whenRun(runId, (run) => run.slow)).toMatchObject({ state: "running" });
  clock.advance(2.8 * HOUR);
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  // Each look at the run sets when the next one is due.
  const later = setInterval(() => clock.advance(HOUR), 5);
  expect(await core.whenRun(runId, (run) => run.sentence.includes("asked"))).toMatchObject({ state: "running" });
  const lost = await core.whenEnded(runId);
  clearInterval(later);
  expect(lost).toMatchObject({ state: "lost", sentence: "The host did not report before the deadline." });
  expect(await unfinished(core)).toEqual([]);
});

test("R67: a dashboard that was away past a run's deadline hears its host before it says how the run ended", async () => {
  const gate = Promise.withResolvers<void>();
  await using lab = await openFleet(["alpha"], {
    deadlines: { pull: 1000 },
    simulator: {
      ...quick,
      behaviour: () => [
        { do: "until", resolved: gate.promise },
        { do: "log", lines: 3, text: (line) => `late ${line}` },
        { do: "finish", outcome: { state: "failed", code: "git-failed", reason: "no such branch" } },
      ],
    },
  });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await core.begin(id, "pull");
  await core.whenRun(runId, (run) => run.state === "running");
  await core.store.change(({ db: trx }) =>
    trx.updateTable("runs").set({ sent_at: 0, started_at: 0, due_at: 0 }).where("id", "=", runId).execute(),
  );
  // As at a start: overdue runs are looked at.
  await core.runs.start();
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  gate.resolve();
  expect(await core.whenEnded(runId)).toMatchObject({ state: "failed", sentence: "no such branch" });
  expect(await core.text(runId)).toBe("late 1\nlate 2\nlate 3\n");
});

test("cancelling ends a run that waits at once, and one that runs when its host has stopped it; what has ended stays", async () => {
  await using lab = await openFleet(["alpha"], { simulator: { ...quick, behaviour: () => [{ do: "hang" }] } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const active = await core.begin(id, "pull");
  const queued = await core.begin(id, "pull", { whenBlocked: "queue" });
  expect(await core.runs.cancel(ADA, queued)).toEqual({ ok: true });
  expect(await core.views.summary(queued)).toMatchObject({ state: "cancelled" });
  await core.whenRun(active, (run) => run.state === "running");
  await core.runs.cancel(ADA, active);
  expect(await core.whenEnded(active)).toMatchObject({ state: "cancelled" });
  expect(await core.runs.cancel(ADA, active)).toEqual({ ok: false, code: "run-ended" });
  expect(await core.runs.cancel(ADA, "01j00000000000000000000000" as RunId)).toEqual({ ok: false, code: "run-not-found" });
});

test("pre-checks refuse what cannot or need not be done, and force skips those that may be skipped", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const first = await core.begin(id, "switch");
  expect(await core.whenEnded(first)).toMatchObject({ state: "succeeded", title: `Switch to ${COMMIT.slice(0, 7)}` });
  expect(await core.ask(id, "switch")).toMatchObject({ ok: false, code: "already-current" });
  expect(await core.whenEnded(await core.begin(id, "switch", { force: true }))).toMatchObject({ state: "succeeded" });

  await core.store.change(({ db: trx }) =>
    trx
      .updateTable("hosts")
      .set({ policy: { allowedOps: ["pull"], allowRewind: false, signed: false, confirmTimeout: 0 } })
      .execute(),
  );
  expect(await core.ask(id, "test")).toMatchObject({ ok: false, code: "op-not-allowed-on-host" });
});

test("without a target a pull or switch is refused, unless it names its commit", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick, target: null });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  expect(await lab.core.ask(lab.id, "pull")).toMatchObject({
    ok: false,
    code: "target-unknown",
    reason: REFUSALS["target-unknown"].sentence,
  });
  const runId = await lab.core.begin(lab.id, "pull", { args: { commit: COMMIT } });
  expect(await lab.core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
});

test("a run freezes the target of the source that its host tracks, and names the source", async () => {
  const stable = { commit: "5".repeat(40), subject: "Stable inputs" };
  await using lab = await openFleet(["alpha"], { branches: { stable } });
  const { core, id } = lab;
  const sourceId = sourceIdOf({ repoUrl: sampleSettings.repoUrl, branch: "stable" });
  await core.store.change(({ db }) => db.updateTable("hosts").set({ source_id: sourceId }).execute());

  await core.begin(id, "pull", { whenBlocked: "queue" });
  await core.begin(id, "pull", { whenBlocked: "queue", args: { commit: OLDER_COMMIT } });
  await core.begin(id, "pull", { whenBlocked: "queue", args: { commit: COMMIT } });
  const rows = await core.store.db.selectFrom("runs").select(["commit_id", "subject", "source_id"]).orderBy("number").execute();
  expect(rows).toEqual([
    { commit_id: stable.commit, subject: "Stable inputs", source_id: sourceId },
    { commit_id: OLDER_COMMIT, subject: "Older, on stable", source_id: sourceId },
    { commit_id: COMMIT, subject: null, source_id: sourceId },
  ]);
});

test("for a host of a source that is not declared a pull is refused with what to do, unless it names its commit", async () => {
  const settings = { repoUrl: "https://me:hunter2@git.example.org/me/other", branch: "main" };
  await using lab = await openFleet(["alpha"], { hosts: { settings }, simulator: quick });
  const { core, id } = lab;
  expect(await core.ask(id, "pull")).toMatchObject({ ok: false, code: "host-offline" });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  // A hello is stored a moment after the welcome.
  await core.until("host.changed", async () => (await core.hosts.get(id))?.sourceId);
  expect(await core.ask(id, "pull")).toMatchObject({
    ok: false,
    code: "target-unknown",
    reason: expect.stringMatching(
      /^This host follows main of git\.example\.org\/me\/other, which this dashboard does not read\. /,
    ),
  });
  const runId = await core.begin(id, "pull", { args: { commit: COMMIT } });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
});

test("a refusal of the agent ends the run as refused, with its reason, and frees the host", async () => {
  await using lab = await openFleet(["alpha"], {
    simulator: { ...quick, behaviour: () => ({ refuse: "no-clone", reason: "There is no clone yet." }) },
  });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await core.begin(id, "test");
  expect(await core.whenEnded(runId)).toMatchObject({ state: "refused", sentence: "There is no clone yet." });
  expect((await core.views.view(runId))?.outcome).toMatchObject({ code: "no-clone", next: "Pull first." });
  expect(await unfinished(core)).toEqual([]);
});

test("a switch shows its phases with estimates from the host's own history, and what it deployed is recorded", async () => {
  await using lab = await openFleet(["alpha"], { simulator: { ...quick, behaviour: createHealthyHost({ pace: 0.01 }) } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const first = await core.begin(id, "switch");
  await core.whenEnded(first);
  const view = await core.views.view(first);
  expect(view?.summary.phases.map(({ phase, state }) => [phase, state])).toEqual(
    ["fetch", "verify", "evaluate", "build", "diff", "activate", "confirm"].map((phase) => [phase, "done"]),
  );
  expect(view).toMatchObject({
    usualDuration: expect.any(Number),
    progress: { builds: { done: 8, expected: 8 } },
    mayCancel: false,
  });
  expect(await core.store.db.selectFrom("deployments").select(["commit_id", "mode"]).execute()).toEqual([
    { commit_id: COMMIT, mode: "switch" },
  ]);
  const second = await core.begin(id, "switch", { force: true });
  const building = await core.whenRun(second, (run) => run.word.startsWith("Build") || isTerminal(run.state));
  expect(building.phases.map(({ estimate }) => typeof estimate)).toEqual(
    Array(7).fill(isTerminal(building.state) ? "object" : "number"),
  );
  await core.whenEnded(second);
  expect((await core.views.list({ hostId: id, limit: 1 })).items).toMatchObject([{ id: second, number: 2 }]);
  const { next } = await core.views.list({ hostId: id, limit: 1 });
  expect((await core.views.list({ hostId: id, limit: 5, cursor: next ?? "" })).items).toMatchObject([{ id: first, number: 1 }]);
});

test("removing a host ends its runs, which cannot be repeated, and keeps its history readable, under the name that it had", async () => {
  await using lab = await openFleet(["alpha"], { simulator: { ...quick, behaviour: () => [{ do: "hang" }] } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const active = await core.begin(id, "pull");
  const queued = await core.begin(id, "pull", { whenBlocked: "queue" });
  const cancelled = await core.begin(id, "pull", { whenBlocked: "queue" });
  await core.whenRun(active, (run) => run.state === "running");
  await core.runs.cancel(ADA, cancelled);
  expect((await core.views.view(cancelled))?.retry).toMatchObject({ kind: "start", op: "pull" });
  expect(await core.hosts.remove(id)).toBe(true);
  expect(await core.views.summary(active)).toMatchObject({ state: "lost", hostId: id, hostName: "alpha" });
  expect(await core.views.summary(queued)).toMatchObject({ state: "cancelled", hostName: "alpha" });
  expect((await core.views.view(active))?.outcome).toMatchObject({ code: "host-removed" });
  expect((await core.views.list({ hostId: id, limit: 10 })).items).toHaveLength(3);
  for (const run of [active, queued, cancelled]) expect((await core.views.view(run))?.retry).toBeNull();
});

test("a held run says what holds it, keeps none behind it from its turn, and starts when it is released", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const hold = { by: "window", reason: "Waits for its maintenance window.", until: null } as const;
  const held = await core.begin(id, "pull", { hold });
  expect(await core.views.summary(held)).toMatchObject({ state: "queued", queueReason: "held", sentence: hold.reason, hold });
  const next = await core.begin(id, "pull", { whenBlocked: "queue" });
  expect(await core.whenEnded(next)).toMatchObject({ state: "succeeded" });
  expect(await core.views.summary(held)).toMatchObject({ state: "queued" });
  expect(await core.runs.release(held)).toBe(true);
  expect(await core.whenEnded(held)).toMatchObject({ state: "succeeded" });
  expect(await core.runs.release(held)).toBe(false);
});

test("R11: a run that is held until a time starts then by itself", async () => {
  const clock = createFakeClock();
  await using lab = await openFleet(["alpha"], { simulator: quick, clock });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const until = clock.now() + 40 * 24 * HOUR;
  const held = await core.begin(id, "pull", { hold: { by: "time", reason: "Waits for its time.", until } });
  clock.jump(39 * 24 * HOUR);
  await clock.advanceAsync(HOUR);
  expect(await core.views.summary(held)).toMatchObject({ state: "queued", queueReason: "held" });
  clock.jump(23 * HOUR);
  let over = false;
  const ended = core.whenEnded(held).finally(() => {
    over = true;
  });
  await clock.advanceAsync(HOUR);
  // Its host is on a real socket: batches wait for the clock, and the clock for what the socket brings.
  while (!over) {
    await clock.advanceAsync(50);
    await passes(1);
  }
  expect(await ended).toMatchObject({ state: "succeeded" });
});

test("R11: one run that cannot be looked at stops no deadline behind it, and a failed wake is never the last", async () => {
  const clock = createFakeClock();
  await using lab = await openFleet(["alpha", "beta"], { simulator: quick, clock });
  const { core, added } = lab;
  const runs = [];
  for (const { id } of added) runs.push(await core.begin(id, "pull", { whenBlocked: "queue" }));
  const [poisoned, behind] = runs as [RunId, RunId];
  // An op that a later version brought: this program cannot handle it.
  await core.store.change(({ db }) =>
    db
      .updateTable("runs")
      .set({ op: "hibernate" as never })
      .where("id", "=", poisoned)
      .execute(),
  );
  clock.jump(QUEUE_LIMIT);
  await clock.advanceAsync(HOUR);
  expect(await core.views.view(behind)).toMatchObject({ summary: { state: "refused" }, outcome: { code: "queue-expired" } });
});

test("R74: a run of the dashboard itself is stored, shown and listed without a host", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick });
  const { core } = lab;
  const actor = { kind: "schedule", id: "nightly", name: "nightly" } as const;
  const own = endedRun("succeeded", { hostId: null, hostName: null, actor, request: { op: "refresh", args: {} } });
  await core.store.change(({ db }) =>
    db
      .insertInto("runs")
      .values(newRow(own, { number: 1, subject: null }))
      .execute(),
  );
  expect(await core.views.summary(own.id)).toMatchObject({
    hostId: null,
    hostName: "Dashboard",
    by: "nightly",
    actorKind: "schedule",
  });
  expect((await core.views.list({ limit: 10 })).items).toHaveLength(1);
});
