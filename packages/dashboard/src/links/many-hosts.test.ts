import { join } from "node:path";
import { createFleetSimulator, createHealthyHost, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openCore, openFleet } from "../core.fixture.ts";

test("L13: R28: a thousand agents come back after a restart of the dashboard, and none is refused", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "db");
  const first = await openCore({ path });
  const hosts = await first.addHosts(1000);
  await using fleet = createFleetSimulator({ url: first.url, hosts, backoff: { first: 1500, longest: 5000 } });
  fleet.start();
  await fleet.whenConnected();
  expect(first.links.connected).toBe(1000);
  await first.kill();
  await fleet.whenConnected(0);
  const second = await openCore({ path, port: first.port });
  // One that dialed while it started was told to come back in a second.
  const refusals = () => fleet.hosts.flatMap((host) => host.turnedAway).length;
  const whileStarting = refusals();
  await fleet.whenConnected();
  expect(fleet.hosts.map((host) => host.welcomes)).toEqual(Array.from({ length: 1000 }, () => 2));
  expect(refusals()).toBe(whileStarting);
  expect(second.store.transactions).toBeLessThan(300);
  fleet.stop();
  await second.stop();
}, 180_000);

test("R43: heartbeats are no write transactions: a thousand measurements of ten hosts write nothing", async () => {
  await using lab = await openFleet(10);
  const { core } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  await core.until("host.changed", async () => (await core.hosts.list()).every((host) => host.firstConnectedAt !== null));
  const before = core.store.transactions;
  let measured = 0;
  const all = core.until("host.metrics", async () => ++measured > 1000);
  for (let time = 0; time < 100; time++) {
    for (const host of lab.fleet.hosts) host.sendRaw(JSON.stringify({ type: "metrics", metrics: { at: time, cpu: 0 } }));
  }
  await all;
  // What a heartbeat had left to be stored would have been stored before this, which waits in the same queue behind it.
  lab.fleet.hosts[0]?.change({ kernel: "Linux 7.0" });
  await core.until("host.changed", async () =>
    (await core.hosts.list()).some((host) => (host.facts.kernel?.value as unknown) === "Linux 7.0"),
  );
  expect(core.store.transactions - before).toBe(1);
});

test("R43: facts of many hosts that come together share a transaction", async () => {
  await using lab = await openFleet(50);
  const { core } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  await core.until("host.changed", async () => (await core.hosts.list()).every((host) => host.firstConnectedAt !== null));
  const before = core.store.transactions;
  for (const host of lab.fleet.hosts) host.change({ kernel: "Linux 7.0" });
  await core.until("host.changed", async () =>
    (await core.hosts.list()).every((host) => (host.facts.kernel?.value as unknown) === "Linux 7.0"),
  );
  // How many come together is up to the machine: one that is busy takes its time to read them.
  expect(core.store.transactions - before).toBeLessThan(lab.fleet.hosts.length / 2);
});

test("L15: R48: a stop says goodbye with a spread return, closes with 1012, takes less than 10 s and loses nothing of a run", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "db");
  const first = await openCore({ path });
  const hosts = await first.addHosts(100);
  await using fleet = createFleetSimulator({
    url: first.url,
    hosts,
    backoff: { first: 50, longest: 500 },
    behaviour: (start, host) => [
      { do: "log", lines: 2000, perSecond: 2000, text: (line) => `line ${line}` },
      ...(createHealthyHost({ pace: 0 })(start, host) as []),
    ],
  });
  fleet.start();
  await fleet.whenConnected();
  const runId = await first.begin(hosts[0]?.id as never, "refresh");
  await first.until("run.logged", async () => ((await first.views.view(runId))?.log.lines ?? 0) > 100);
  const began = performance.now();
  await first.stop();
  const took = performance.now() - began;
  // The promise is ten seconds on any machine; this is far from it.
  expect(took).toBeLessThan(10_000);
  await fleet.whenConnected(0);
  const goodbyes = fleet.hosts.map((host) => host.goodbyes.at(-1));
  expect(goodbyes.every((goodbye) => goodbye?.code === "shutting-down")).toBe(true);
  expect(new Set(goodbyes.map((goodbye) => goodbye?.comeBackAfter)).size).toBeGreaterThan(5);
  expect(fleet.hosts.map((host) => host.closeCodes.at(-1))).toEqual(fleet.hosts.map(() => 1012));

  const second = await openCore({ path, port: first.port });
  await fleet.whenConnected();
  expect(await second.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect((await second.text(runId)).split("\n").length - 1).toBe(2000);
  fleet.stop();
  await second.stop();
});
