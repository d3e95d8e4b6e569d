import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { HostId, RunId } from "@nixfleet/protocol";
import { type Behaviour, createFleetSimulator, createHealthyHost, createTempDir, type Step } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { type Core, openCore, openFleet } from "../core.fixture.ts";

const backoff = { first: 20, longest: 200 };
const numbered = (line: number) => `line ${line}`;
const expected = (lines: number) => Array.from({ length: lines }, (_, place) => `${numbered(place + 1)}\n`).join("");

/** Work that prints so many lines a second, then ends as a healthy host does. */
const printing =
  (lines: number, perSecond: number, ...more: Step[]): Behaviour =>
  (start, host) => [
    { do: "log", lines, perSecond, text: numbered },
    ...more,
    ...(start.op === "pull" ? (createHealthyHost({ pace: 0 })(start, host) as Step[]).filter((step) => step.do !== "log") : []),
  ];

const ends = async (core: Core, runId: RunId, wanted: string) => {
  // A report cannot change the end of a run: its first terminal state is its only one.
  const states: string[] = [];
  core.bus.on(
    "run.changed",
    async (said) => void (said.runId === runId && states.push((await core.views.summary(runId))?.state ?? "")),
    {
      owner: "test",
    },
  );
  const run = await core.whenEnded(runId);
  expect(run.state).toBe(wanted);
  return { run, states };
};

test("E3: R1: R3: links drop again and again and every frame comes three times: one start, one end, each line once and in order", async () => {
  await using lab = await openFleet(["alpha", "beta", "gamma"], {
    simulator: { behaviour: printing(600, 1500), backoff, copies: 3 },
  });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runs = await Promise.all(lab.added.map(({ id }) => lab.core.begin(id, "pull")));
  let drops = 0;
  const storm = setInterval(() => {
    lab.fleet.hosts[drops++ % 3]?.dropLink(10);
  }, 30);
  for (const runId of runs) expect((await ends(lab.core, runId, "succeeded")).run.state).toBe("succeeded");
  clearInterval(storm);
  expect(drops).toBeGreaterThan(5);
  for (const [place, host] of lab.fleet.hosts.entries()) {
    expect(host.begun).toEqual([runs[place]]);
    // What comes again is no fault.
    expect(host.goodbyes).toEqual([]);
    expect(await lab.core.text(runs[place] as RunId)).toBe(expected(600));
  }
});

test("R2: R3: the link drops in mid-run and comes back while it still runs, and then the build fails: failed, with both halves of the log", async () => {
  const seenLost = Promise.withResolvers<void>();
  const seenBack = Promise.withResolvers<void>();
  await using lab = await openFleet(["alpha"], {
    simulator: {
      backoff,
      behaviour: () => [
        { do: "phase", phase: "build" },
        { do: "log", lines: 50, text: numbered },
        { do: "until", resolved: seenLost.promise },
        { do: "log", lines: 25, text: (line) => numbered(line + 50) },
        { do: "until", resolved: seenBack.promise },
        { do: "log", lines: 25, text: (line) => numbered(line + 75) },
        {
          do: "finish",
          outcome: { state: "failed", code: "build-failed", reason: "hello did not build", firstError: "error: no" },
        },
      ],
    },
  });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await lab.core.begin(lab.id, "switch");
  await lab.core.until("run.logged", async () => (await lab.core.views.view(runId))?.log.lines === 50);
  lab.fleet.host("alpha").dropLink(3_600_000);
  const lost = await lab.core.whenRun(runId, (run) => run.linkLost);
  expect(lost).toMatchObject({ state: "running", endedAt: null, sentence: expect.stringContaining("continues there") });
  seenLost.resolve();
  lab.fleet.host("alpha").redial();
  expect(await lab.core.whenRun(runId, (run) => !run.linkLost)).toMatchObject({ state: "running" });
  seenBack.resolve();
  const { run } = await ends(lab.core, runId, "failed");
  expect(run).toMatchObject({ linkLost: false, sentence: expect.stringContaining("did not build") });
  expect(await lab.core.text(runId)).toBe(expected(100));
});

test("L10: R5: a dashboard that is stopped in mid-run and opened again on its file misses and doubles nothing, though the host was at work", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "db");
  const first = await openCore({ path });
  const { id, token } = await first.addHost("alpha");
  await using fleet = createFleetSimulator({
    url: first.url,
    hosts: [{ name: "alpha", token }],
    behaviour: printing(800, 1600),
    backoff,
  });
  fleet.start();
  await fleet.whenConnected();
  const runId = await first.begin(id, "pull");
  await first.until("run.logged", async () => ((await first.views.view(runId))?.log.lines ?? 0) > 100);
  await first.kill();
  await fleet.whenConnected(0);
  const second = await openCore({ path, port: first.port });
  const atWork = await second.views.summary(runId);
  expect(atWork).toMatchObject({ state: "running" });
  await ends(second, runId, "succeeded");
  expect(await second.text(runId)).toBe(expected(800));
  expect(fleet.host("alpha").begun).toEqual([runId]);
  await second.stop();
});

/** The core in a process of its own, and what it answers. */
async function startProcess(path: string, port: number, ...names: string[]) {
  const script = join(import.meta.dirname, "../core-process.fixture.ts");
  const child: ChildProcess = spawn(process.execPath, [script, path, String(port), ...names], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("stdout is a pipe");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value as string);
  return {
    answer,
    ask: (hostId: HostId, op: string) => child.stdin?.write(`${hostId} ${op}\n`),
    async kill() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

test("R5: SIGKILL ends the dashboard's process at random moments of a run: its log is whole, its outcome true, and it began once", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "db");
  let dashboard = await startProcess(path, 0, "alpha");
  const { port, hosts } = await dashboard.answer();
  const [{ id, token }] = hosts;
  await using fleet = createFleetSimulator({
    url: `ws://127.0.0.1:${port}/agent/link`,
    hosts: [{ name: "alpha", token }],
    behaviour: printing(4000, 4000),
    backoff,
  });
  fleet.start();
  await fleet.whenConnected();
  dashboard.ask(id, "pull");
  const { runId } = await dashboard.answer();
  for (let time = 0; time < 2; time++) {
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 300));
    await dashboard.kill();
    await fleet.whenConnected(0);
    dashboard = await startProcess(path, port);
    await dashboard.answer();
    await fleet.whenConnected();
  }
  await dashboard.kill();
  const last = await openCore({ path, port });
  await ends(last, runId, "succeeded");
  expect(await last.text(runId)).toBe(expected(4000));
  expect(fleet.host("alpha").begun).toEqual([runId]);
  await last.stop();
}, 180_000);

test("E2: R5: a full disk under the dashboard: nothing acknowledged is lost, and what was not is accepted when there is room again", async () => {
  let limit: (pages: number) => void = () => {};
  await using lab = await openFleet(["alpha"], {
    onLimit: (set) => {
      limit = set;
    },
    simulator: { behaviour: printing(3000, 6000), backoff },
  });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await lab.core.begin(lab.id, "pull");
  await lab.core.until("run.logged", async () => ((await lab.core.views.view(runId))?.log.lines ?? 0) > 200);
  limit(1);
  await lab.core.until("storage.changed", async () => !lab.core.store.storage.ok);
  const stored = (await lab.core.views.view(runId))?.log.lines ?? 0;
  expect(stored).toBeGreaterThan(200);
  // More has arrived by now, and nobody has told the host that it is safe.
  while (lab.core.store.waiting < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  const { stored_seq } = await lab.core.store.db.selectFrom("runs").select("stored_seq").executeTakeFirstOrThrow();
  expect(lab.fleet.host("alpha").run(runId)?.acknowledgedSeq).toBeLessThanOrEqual(stored_seq);
  expect(await lab.core.text(runId)).toBe(expected(stored));
  limit(1_000_000);
  await ends(lab.core, runId, "succeeded");
  expect(lab.core.store.storage).toEqual({ ok: true });
  expect(await lab.core.text(runId)).toBe(expected(3000));
  expect(lab.fleet.host("alpha").begun).toEqual([runId]);
});
