import { DatabaseSync } from "node:sqlite";
import { type FromAgentOf, type Goodbye, MAX_FRAME_BYTES, PROTOCOL_VERSION } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import { createFakeClock, createFleetSimulator, createHealthyHost } from "@nixfleet/testkit";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { openFleet } from "../core.fixture.ts";
import { dial, hello } from "./bare-agent.fixture.ts";

async function open(options: { clock?: Clock } = {}) {
  const lab = await openFleet(["alpha", "beta"], options);
  const [alpha, beta] = lab.added;
  if (alpha === undefined || beta === undefined) throw new Error("two hosts were added");
  return { lab, core: lab.core, alpha, beta, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

test("L1: R51: without a good token there is no WebSocket but a 401, and the host that it names tells why", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const changed = at.alpha.token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  expect(await dial(core, "nonsense").status).toBe(401);
  expect(await dial(core, changed).status).toBe(401);
  expect(core.links.presence(alpha.id).lastRefused?.reason).toContain("replaced, revoked or mistyped");
  expect(core.links.presence(at.beta.id).lastRefused).toBeNull();
  const good = dial(core, alpha.token);
  await good.greet();
  expect(core.links.presence(alpha.id)).toMatchObject({ lastRefused: null, connectedSince: expect.any(Number) });
  good.socket.terminate();
});

test("L2: an agent of another major version gets a 400 that says what to update", async () => {
  await using at = await open();
  expect(await dial(at.core, at.alpha.token, { protocol: "nixfleet.agent.v9" }).status).toBe(400);
  expect(at.core.links.presence(at.alpha.id).lastRefused).toMatchObject({
    unsupported: true,
    reason: expect.stringContaining("Update"),
  });
});

test("L3: L4: R38: nothing but a hello is accepted first, and there is one", async () => {
  await using at = await open();
  const early = dial(at.core, at.alpha.token);
  await early.status;
  early.send({ type: "metrics", metrics: { at: 1 } });
  expect(await early.next("goodbye")).toMatchObject({ code: "invalid-message", reason: "The first message must be a hello." });
  expect(await early.closed).toBe(1008);

  const twice = dial(at.core, at.alpha.token);
  await twice.greet();
  twice.send(hello());
  expect(await twice.next("goodbye")).toMatchObject({ code: "invalid-message" });
  expect(await twice.closed).toBe(1008);
});

test("L5: a protocol that the dashboard does not speak is refused with what to update", async () => {
  await using at = await open();
  const link = dial(at.core, at.alpha.token);
  await link.status;
  link.send(hello({ protocol: PROTOCOL_VERSION + 1 }));
  expect(await link.next("goodbye")).toMatchObject({
    code: "unsupported-protocol",
    reason: expect.stringContaining("Update the dashboard"),
  });
});

test("L6: unknown messages and fields are ignored", async () => {
  await using at = await open();
  const link = dial(at.core, at.alpha.token);
  await link.greet({ mood: "fine" });
  link.send({ type: "weather", sunny: true });
  link.send({ type: "metrics", metrics: { at: 1, cpu: 0, humidity: 3 } });
  await at.core.until("host.metrics", async () => at.core.links.presence(at.alpha.id).metrics !== null);
  expect(at.core.links.presence(at.alpha.id).metrics).toEqual({ at: 1, cpu: 0 });
  link.socket.terminate();
});

test("L7: R38: a malformed message gets a goodbye with the path of its fault, is logged once, and no other host notices", async () => {
  await using at = await open();
  const { core } = at;
  const other = dial(core, at.beta.token);
  await other.greet({ hostname: "beta" });
  for (let time = 0; time < 3; time++) {
    const link = dial(core, at.alpha.token);
    await link.greet({ instance: `try-${time}` });
    link.send({ type: "facts", reading: { readAt: "now", facts: {} } });
    const goodbye = await link.next("goodbye");
    expect(goodbye).toMatchObject({ code: "invalid-message", reason: expect.stringContaining("facts.reading.readAt") });
    expect(await link.closed).toBe(1008);
  }
  expect(core.logged).toHaveLength(1);
  expect(core.links.presence(at.beta.id).connectedSince).not.toBeNull();
  other.socket.terminate();
});

test("L8: R38: frames that are too long or binary close their link alone", async () => {
  await using at = await open();
  const other = dial(at.core, at.beta.token);
  await other.greet({ hostname: "beta" });
  const long = dial(at.core, at.alpha.token);
  await long.greet();
  // Were it shorter, it would be a message of a later version, which is ignored (L6).
  long.send({ type: "weather", forecast: "x".repeat(MAX_FRAME_BYTES) });
  expect([1006, 1008, 1009]).toContain(await long.closed);
  const binary = dial(at.core, at.alpha.token);
  await binary.greet();
  binary.socket.send(Buffer.from([1, 2, 3]));
  expect(await binary.next("goodbye")).toMatchObject({ code: "invalid-message" });
  expect(at.core.links.presence(at.beta.id).connectedSince).not.toBeNull();
  other.socket.terminate();
});

test("L9: R30: a second agent for a host is refused and shown as a conflict while the first one answers; nobody is kicked", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  const answering = (async () => {
    for (let time = 0; time < 2; time++) first.send({ type: "pong", nonce: (await first.next("ping")).nonce });
  })();
  for (let time = 0; time < 2; time++) {
    const second = dial(core, alpha.token);
    await second.status;
    second.send(hello({ instance: "two" }));
    expect(await second.next("goodbye")).toMatchObject({ code: "conflict", comeBackAfter: null });
    await second.closed;
  }
  await answering;
  expect(core.links.presence(alpha.id).conflict?.reason).toContain("second agent");
  expect(first.socket.readyState).toBe(WebSocket.OPEN);
  first.socket.terminate();
});

test("R30: while one claim waits for the first agent's answer, another one waits with it, and nobody is kicked", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  const second = dial(core, alpha.token);
  await second.status;
  second.send(hello({ instance: "two" }));
  const { nonce } = await first.next("ping");
  const third = dial(core, alpha.token);
  await third.status;
  third.send(hello({ instance: "three" }));
  first.send({ type: "pong", nonce });
  for (const claim of [second, third]) expect(await claim.next("goodbye")).toMatchObject({ code: "conflict" });
  expect(first.socket.readyState).toBe(WebSocket.OPEN);
  first.socket.terminate();
});

test("R30: of two agents that claim a host in the same moment one is let in, and is not kicked by the other", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const both = ["one", "two"].map((instance) => ({ instance, link: dial(core, alpha.token) }));
  for (const { link } of both) await link.status;
  const runs = [{ runId: "01j00000000000000000000001", state: "finished", lastSeq: 1 }];
  // What is stored is read behind a change that is under way: both hellos are there by then.
  const gate = Promise.withResolvers<void>();
  const change = core.store.change(() => gate.promise);
  for (const { instance, link } of both) {
    link.send(hello({ instance, runs }));
    const ponged = new Promise((resolve) => link.socket.once("pong", resolve));
    link.socket.ping();
    await ponged;
  }
  gate.resolve();
  await change;
  const welcomed = await Promise.race(
    both.map(async ({ instance, link }) => ({ instance, link, ...(await link.next("welcome")) })),
  );
  welcomed.link.send({ type: "pong", nonce: (await welcomed.link.next("ping")).nonce });
  const refused = both.find(({ instance }) => instance !== welcomed.instance);
  expect(await refused?.link.next("goodbye")).toMatchObject({ code: "conflict" });
  expect(welcomed.link.socket.readyState).toBe(WebSocket.OPEN);
  welcomed.link.socket.terminate();
});

test("R30: an agent that comes back while its own claim is being decided is no second machine", async () => {
  const hurried = { now: systemClock.now, setTimeout: (fn: () => void, ms: number) => systemClock.setTimeout(fn, ms / 20) };
  await using at = await open({ clock: hurried });
  const { core, alpha } = at;
  const dead = dial(core, alpha.token);
  await dead.greet();
  const claim = dial(core, alpha.token);
  await claim.status;
  claim.send(hello({ instance: "two" }));
  await dead.next("ping");
  // Its connection breaks before the dead link has been given up, and it dials again.
  claim.socket.terminate();
  const again = dial(core, alpha.token);
  expect(await again.greet({ instance: "two" })).toMatchObject({ hostId: alpha.id });
  expect(core.links.presence(alpha.id)).toMatchObject({ conflict: null, lastRefused: null });
  again.socket.terminate();
});

test("R30: a machine that was refused and is let in later was no other machine: its conflict goes", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  const second = dial(core, alpha.token);
  await second.status;
  second.send(hello({ instance: "two" }));
  first.send({ type: "pong", nonce: (await first.next("ping")).nonce });
  await second.next("goodbye");
  expect(core.links.presence(alpha.id).conflict).not.toBeNull();
  first.socket.terminate();
  await core.until("presence.changed", async () => core.links.presence(alpha.id).connectedSince === null);
  const third = dial(core, alpha.token);
  await third.greet({ instance: "two" });
  expect(core.links.presence(alpha.id).conflict).toBeNull();
  third.socket.terminate();
});

test("R30: a second machine claims a host by its token: a new token ends the conflict at once", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  const second = dial(core, alpha.token);
  await second.status;
  second.send(hello({ instance: "two" }));
  first.send({ type: "pong", nonce: (await first.next("ping")).nonce });
  await second.next("goodbye");
  expect(core.links.presence(alpha.id).conflict).not.toBeNull();
  await core.hosts.rotateToken(alpha.id);
  expect(core.links.presence(alpha.id).conflict).toBeNull();
});

test("L9: R30: an agent whose first link does not answer takes its host over, and the same process does so at once", async () => {
  // Timers run twenty times as fast, so that the silence of the first one is not waited for.
  const hurried = { now: systemClock.now, setTimeout: (fn: () => void, ms: number) => systemClock.setTimeout(fn, ms / 20) };
  await using at = await open({ clock: hurried });
  const { core, alpha } = at;
  const dead = dial(core, alpha.token);
  await dead.greet();
  // It hears the ping and says nothing, as a machine does that has lost its power.
  const second = dial(core, alpha.token);
  expect(await second.greet({ instance: "two" })).toMatchObject({ hostId: alpha.id });
  expect(await dead.closed).toBe(1006);
  expect(core.links.presence(alpha.id).conflict).toBeNull();

  const heard: string[] = [];
  second.socket.on("message", (data: Buffer) => heard.push(JSON.parse(data.toString()).type));
  const third = dial(core, alpha.token);
  await third.greet({ instance: "two" });
  expect(await second.closed).toBe(1006);
  // Nothing was asked of the link that its own process has given up.
  expect(heard).not.toContain("ping");
  third.socket.terminate();
});

test("L13: a link on which nothing is heard for a minute is dropped; a ping is enough to keep it", async () => {
  const clock = createFakeClock();
  await using at = await open({ clock });
  const link = dial(at.core, at.alpha.token);
  await link.greet();
  await clock.advanceAsync(59_000);
  const ponged = new Promise((resolve) => link.socket.once("pong", resolve));
  link.socket.ping();
  await ponged;
  await clock.advanceAsync(59_000);
  expect(at.core.links.presence(at.alpha.id).connectedSince).not.toBeNull();
  await clock.advanceAsync(10_000);
  expect(await link.closed).toBe(1006);
  expect(at.core.links.presence(at.alpha.id)).toMatchObject({ connectedSince: null, lastHeardAt: clock.now() - 69_000 });
});

test("L13: a silent link ends in time though the clock was set back by forty days meanwhile", async () => {
  const clock = createFakeClock();
  await using at = await open({ clock });
  const link = dial(at.core, at.alpha.token);
  await link.greet();
  clock.jump(-40 * 24 * 60 * 60_000);
  await clock.advanceAsync(80_000);
  expect(at.core.links.presence(at.alpha.id).connectedSince).toBeNull();
  expect(await link.closed).toBe(1006);
});

test("R38: an agent whose hello could not be handled is sent away instead of being left without a welcome, and comes back", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const runs = [{ runId: "01j00000000000000000000001", state: "finished", lastSeq: 1 }];
  const database = new DatabaseSync(at.lab.path);
  database.exec("alter table runs rename to hidden");
  const link = dial(core, alpha.token);
  await link.status;
  link.send(hello({ runs }));
  expect(await link.closed).toBe(1011);
  database.exec("alter table hidden rename to runs");
  database.close();
  const again = dial(core, alpha.token);
  expect(await again.greet({ runs })).toMatchObject({ hostId: alpha.id });
  again.socket.terminate();
});

test("L14: metrics are asked for only while somebody looks, whoever connects first", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const one = core.links.watch(alpha.id);
  const link = dial(core, alpha.token);
  await link.greet();
  expect(await link.next("watch")).toMatchObject({ on: true });
  const two = core.links.watch(alpha.id);
  one();
  one();
  two();
  expect(await link.next("watch")).toMatchObject({ on: false });
  link.socket.terminate();
});

test("L16: R51: revoking a token, replacing it or removing the host ends the link at once, and the old token opens nothing", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  const fresh = await core.hosts.rotateToken(alpha.id);
  expect(await first.next("goodbye")).toMatchObject({ code: "revoked" });
  expect(await dial(core, alpha.token).status).toBe(401);

  const second = dial(core, fresh ?? "");
  await second.greet();
  await core.until("host.changed", async () => (await core.hosts.token(alpha.id))?.lastUsedAt != null);
  expect(await core.hosts.token(alpha.id)).toMatchObject({ lastUsedFrom: "127.0.0.1" });
  await core.hosts.revokeToken(alpha.id);
  expect(await second.next("goodbye")).toMatchObject({ code: "revoked" });

  const third = dial(core, (await core.hosts.rotateToken(alpha.id)) ?? "");
  await third.greet();
  await core.hosts.remove(alpha.id);
  expect(await third.next("goodbye")).toMatchObject({ code: "removed" });
  expect(await core.hosts.get(alpha.id)).toBeNull();
});

test("L17: R20: a reading without a field wipes nothing, an older one replaces nothing, and a hello is all that is known", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const link = dial(core, alpha.token);
  const now = Date.now();
  await link.greet({ facts: { readAt: now, facts: { kernel: "Linux 6.18", cores: 4 } } });
  link.send({ type: "facts", reading: { readAt: now + 10, facts: { kernel: "Linux 6.19" } } });
  link.send({ type: "facts", reading: { readAt: now + 5, facts: { kernel: "Linux 5.0", nix: "2.34" } } });
  const host = await core.until("host.changed", async () => {
    const found = await core.hosts.get(alpha.id);
    return found?.facts.nix !== undefined && found;
  });
  expect(host.facts).toEqual({
    kernel: { value: "Linux 6.19", readAt: now + 10 },
    cores: { value: 4, readAt: now },
    nix: { value: "2.34", readAt: now + 5 },
  });
  // The host's clock was set back: what it says now is true all the same.
  const again = dial(core, alpha.token);
  await again.greet({ facts: { readAt: now - 99_000, facts: { kernel: "Linux 6.20" } } });
  await core.until("host.changed", async () => {
    const found = await core.hosts.get(alpha.id);
    return found?.facts.cores === undefined && (found?.facts.kernel?.value as unknown) === "Linux 6.20";
  });
  again.socket.terminate();
});

test("L18: what waits to be stored is bounded: an agent that goes on without acknowledgements is told to come back later", async () => {
  let limit: (pages: number) => void = () => {};
  await using lab = await openFleet(["alpha"], {
    onLimit: (set) => {
      limit = set;
    },
    simulator: { behaviour: () => [{ do: "hang" }] },
  });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await lab.core.begin(lab.id, "pull");
  await lab.core.whenRun(runId, (run) => run.state === "running");
  lab.fleet.stop();
  const token = lab.added[0]?.token ?? "";
  const link = dial(lab.core, token);
  await link.greet({ runs: [{ runId, state: "active", lastSeq: 1 }] });
  limit(1);
  const text = "x".repeat(60_000);
  const event = (seq: number) => ({
    seq,
    at: 1,
    kind: "log",
    lines: Array.from({ length: 10 }, () => ({ at: 1, stream: "nix", text })),
  });
  for (let seq = 2; seq < 8; seq++) link.send({ type: "runEvents", runId, events: [event(seq)] });
  expect(await link.closed).toBe(1013);
  limit(1_000_000);
});

test("L10: what an agent says between its hello and its welcome counts for nothing", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const first = dial(core, alpha.token);
  await first.greet();
  first.send({ type: "metrics", metrics: { at: 1, load: 1 } });
  await core.until("host.metrics", async () => core.links.presence(alpha.id).metrics !== null);
  const second = dial(core, alpha.token);
  await second.status;
  second.send(hello({ instance: "two" }));
  second.send({ type: "metrics", metrics: { at: 1, load: 99 } });
  first.send({ type: "pong", nonce: (await first.next("ping")).nonce });
  expect(await second.next("goodbye")).toMatchObject({ code: "conflict" });
  await second.closed;
  expect(core.links.presence(alpha.id).metrics).toEqual({ at: 1, load: 1 });
  first.socket.terminate();
});

test("L11: a run that is started right after the hello is started once: the hello could not list it", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const link = dial(core, alpha.token);
  const starts: string[] = [];
  link.socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString());
    if (message.type === "startRun") starts.push(message.runId);
  });
  await link.greet();
  const first = await core.begin(alpha.id, "test");
  await link.next("startRun");
  link.send({ type: "runRefused", runId: first, code: "no-clone", reason: "There is no clone." });
  await core.whenEnded(first);
  const second = await core.begin(alpha.id, "test");
  await link.next("startRun");
  expect(starts).toEqual([first, second]);
  link.socket.terminate();
});

test("L19: R51: an agent can speak only for its own host", async () => {
  await using at = await open();
  const { core } = at;
  const victim = dial(core, at.beta.token);
  await victim.greet({ hostname: "beta" });
  const runId = await core.begin(at.beta.id, "pull");
  await victim.next("startRun");
  const link = dial(core, at.alpha.token);
  const welcome = await link.greet({ runs: [{ runId, state: "active", lastSeq: 1 }] });
  expect(welcome.runs).toEqual([{ runId, storedSeq: 0, known: false }]);
  link.send({ type: "runRefused", runId, code: "op-unknown", reason: "mine now" });
  link.send({ type: "runEvents", runId, events: [{ seq: 1, at: 1, kind: "started", agentVersion: "1" }] });
  const goodbye: Goodbye = await link.next("goodbye");
  expect(goodbye).toMatchObject({ code: "invalid-message", reason: expect.stringContaining("belongs to another host") });
  expect(await core.views.summary(runId)).toMatchObject({ state: "starting" });
  victim.socket.terminate();
});

test("L11: R12: a run that is sent before the hello is applied, and starts, is not lost because the hello says nothing of it", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const { linkUp } = core.runs;
  const running = Promise.withResolvers<void>();
  const applied = Promise.withResolvers<void>();
  const late = vi.spyOn(core.runs, "linkUp").mockImplementation(async (...given) => {
    await running.promise;
    await linkUp(...given).then(applied.resolve, applied.reject);
  });
  const link = dial(core, alpha.token);
  await link.greet();
  const runId = await core.begin(alpha.id, "pull");
  await link.next("startRun");
  link.send({ type: "runEvents", runId, events: [{ seq: 1, at: 1, kind: "started", agentVersion: "1" }] });
  await link.next("ack");
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  running.resolve();
  await applied.promise;
  expect(late).toHaveBeenCalledOnce();
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  link.socket.terminate();
});

test("E4: events with a gap are not stored; the next welcome tells where to go on", async () => {
  await using at = await open();
  const { core, alpha } = at;
  const link = dial(core, alpha.token);
  await link.greet();
  const runId = await core.begin(alpha.id, "pull");
  await link.next("startRun");
  link.send({ type: "runEvents", runId, events: [{ seq: 1, at: 1, kind: "started", agentVersion: "1" }] });
  expect(await link.next("ack")).toMatchObject({ storedSeq: 1 });
  link.send({ type: "runEvents", runId, events: [{ seq: 3, at: 1, kind: "phase", phase: "fetch" }] });
  expect(await link.next("goodbye")).toMatchObject({ reason: "runEvents.events.0.seq: 2 is the next one.", comeBackAfter: 5 });
  const again = dial(core, alpha.token);
  const welcome = await again.greet({ runs: [{ runId, state: "active", lastSeq: 3 }] });
  expect(welcome.runs).toEqual([{ runId, storedSeq: 1, known: true }]);
  again.socket.terminate();
});

test("R38: hostile frames end at most their own link: another host's run goes on and ends", async () => {
  await using at = await open();
  const { core } = at;
  await using fleet = createFleetSimulator({
    url: core.url,
    hosts: [{ name: "beta", token: at.beta.token }],
    behaviour: (start, host) => [
      { do: "log", lines: 200, perSecond: 1000 },
      ...(createHealthyHost({ pace: 0 })(start, host) as []),
    ],
  });
  fleet.start();
  await fleet.whenConnected();
  const runId = await core.begin(at.beta.id, "pull");
  const valid: FromAgentOf<"hello"> = hello() as never;
  const frames = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json(),
    fc
      .tuple(fc.constantFrom("hello", "facts", "metrics", "runEvents", "runRefused", "pong", "__proto__"), fc.jsonValue())
      .map(([type, value]) =>
        JSON.stringify({ type, facts: value, reading: value, metrics: value, runId: value, events: value }),
      ),
    fc.jsonValue().map((value) => JSON.stringify({ ...valid, facts: value })),
    fc.constantFrom("[".repeat(50_000), '{"type":"hello","runs":', "null", "1e999", '{"type":{}}'),
  );
  for (const frame of fc.sample(frames, { numRuns: 60, seed: 38 })) {
    const link = dial(core, at.alpha.token);
    await link.status;
    link.send(frame);
    expect(await link.closed).toBe(1008);
  }
  const afterHello = dial(core, at.alpha.token);
  await afterHello.greet();
  let sent = 0;
  for (const frame of fc.sample(frames, { numRuns: 30, seed: 83 })) {
    if (afterHello.socket.readyState === WebSocket.OPEN) sent += 1;
    afterHello.send(frame);
  }
  expect(sent).toBeGreaterThan(0);
  expect(await afterHello.closed).toBe(1008);
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect(core.links.presence(at.beta.id).connectedSince).not.toBeNull();
});
