import type { RunEvent, RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { Actor } from "../actor.ts";
import { COMMIT, openFleet } from "../core.fixture.ts";
import { dial } from "./bare-agent.fixture.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);
const SECRET = "s".repeat(43);

const EVE: Actor = { kind: "person", id: "1", name: "eve", role: "admin", address: "::1", proof: null };

type Agent = ReturnType<typeof dial>;

/** A host whose agents are the test's own. */
async function open() {
  const fleet = await openFleet(["alpha", "beta"], {});
  const { core, added } = fleet;
  const token = added[0]?.token ?? "";
  return {
    ...fleet,
    beta: added[1],
    /** Connects an agent that lists these runs. */
    async connect(runs: object[], instance = "one") {
      const agent = dial(core, token);
      const welcome = await agent.greet({ runs, instance });
      return { agent, runs: welcome.runs };
    },
    /** Connects an agent, starts a test of its host, and reports its first events. */
    async begin(...events: object[]) {
      const { agent } = await this.connect([]);
      const runId = await core.begin(fleet.id, "test");
      await agent.next("startRun");
      await send(agent, runId, 1, ...events);
      return { agent, runId };
    },
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]();
    },
  };
}

const started = (writer = A) => ({ kind: "started", agentVersion: "1", writer });
const log = (text: string) => ({ kind: "log", lines: [{ at: 1, stream: "nix", text }] });
const succeeded = { kind: "finished", outcome: { state: "succeeded" } };

async function send(agent: Agent, runId: RunId, first: number, ...bodies: object[]): Promise<number> {
  const events = bodies.map((body, place) => ({ seq: first + place, at: Date.now(), ...body })) as RunEvent[];
  agent.send({ type: "runEvents", runId, events });
  return (await agent.next("ack")).storedSeq;
}

const request = (runId: RunId) => ({
  runId,
  request: {
    op: "test",
    args: {},
    commit: COMMIT,
    deadline: 60_000,
    askedBy: "ada",
    force: false,
    receivedAt: Date.now() - 1000,
    confirmSecret: SECRET,
  },
});

test("R67: a twin that has nothing of a run makes it lost; when the real agent is back, the run goes on and nothing is cancelled", async () => {
  await using at = await open();
  const { core, id } = at;
  const { agent: first, runId } = await at.begin(started(), log("one"));
  first.socket.terminate();
  await core.until("presence.changed", async () => core.links.presence(id).connectedSince === null);

  const twin = await at.connect([], "twin");
  expect(await twin.agent.next("reportRun")).toMatchObject({ runId });
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  twin.agent.send({ type: "runReport", runId, held: null });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "lost" });
  twin.agent.socket.terminate();
  await core.until("presence.changed", async () => core.links.presence(id).connectedSince === null);

  const back = await at.connect([{ runId, state: "active", lastSeq: 2, writers: [{ id: A, afterSeq: 0 }] }]);
  expect(back.runs).toEqual([{ runId, storedSeq: 2, known: true }]);
  await core.whenRun(runId, ({ state }) => state === "running");
  await send(back.agent, runId, 3, log("two"), succeeded);
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect(await core.text(runId)).toBe("one\ntwo\n");
  const next = await core.begin(id, "test");
  // A cancellation would have come before this.
  expect(await back.agent.next("startRun")).toMatchObject({ runId: next });
  back.agent.socket.terminate();
});

test("R67: a database that was put back gets what it lacks of a run told again, whole", async () => {
  await using at = await open();
  const { core } = at;
  const { agent: first, runId } = await at.begin(started(), log("one"));
  first.socket.terminate();

  // Stored and acknowledged was more than this database has.
  const outcome = { state: "failed", code: "tests-failed", reason: "A test failed." };
  const held = { runId, state: "finished", lastSeq: 4, writers: [{ id: A, afterSeq: 0 }], outcome, endedAt: Date.now() };
  const back = await at.connect([held]);
  expect(back.runs).toEqual([{ runId, storedSeq: 2, known: true }]);
  await send(back.agent, runId, 3, log("two"), { kind: "finished", outcome });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "failed", sentence: "A test failed." });
  expect(await core.text(runId)).toBe("one\ntwo\n");
  back.agent.socket.terminate();
});

test("R67: a run that the database does not know is taken over from its host, can be cancelled, and ends with its whole log", async () => {
  await using at = await open();
  const { core } = at;
  const runId = "01jd0000000000000000000077" as RunId;
  const { agent, runs } = await at.connect([{ runId, state: "active", lastSeq: 3, writers: [{ id: A, afterSeq: 0 }] }]);
  expect(runs).toEqual([{ runId, storedSeq: 0, known: false }]);
  expect(await agent.next("reportRun")).toEqual({ type: "reportRun", runId, fromSeq: 1 });
  const writers = [{ id: A, afterSeq: 0 }];
  agent.send({ type: "runReport", runId, held: { state: "active", lastSeq: 3, writers, request: request(runId).request } });
  await send(agent, runId, 1, started(), log("one"), log("two"));
  expect(await core.views.summary(runId)).toMatchObject({ state: "running", op: "test", by: "ada" });
  expect(await core.runs.confirm(runId, "wrong")).toEqual({ kind: "secret-wrong" });
  const confirmed = core.runs.confirm(runId, SECRET);
  agent.send({ type: "pong", nonce: (await agent.next("ping")).nonce });
  expect(await confirmed).toEqual({ kind: "confirmed" });
  await core.runs.cancel(EVE, runId);
  expect(await agent.next("cancelRun")).toEqual({ type: "cancelRun", runId, by: "eve" });
  const outcome = { state: "cancelled", reason: "Cancelled by eve." };
  await send(agent, runId, 4, { kind: "finished", outcome });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "cancelled" });
  expect(await core.text(runId)).toBe("one\ntwo\n");
  agent.socket.terminate();
});

test("R67: a run that waits here and is at work on its host is taken over, and its events with it", async () => {
  await using at = await open();
  const { core, id } = at;
  const hold = { by: "window", reason: "Waits for its maintenance window.", until: null } as const;
  const runId = await core.begin(id, "test", { hold });
  const { agent, runs } = await at.connect([{ runId, state: "active", lastSeq: 2 }]);
  expect(runs).toEqual([{ runId, storedSeq: 0, known: false }]);
  await agent.next("reportRun");
  agent.send({ type: "runReport", runId, held: { state: "active", lastSeq: 2, request: request(runId).request } });
  await send(agent, runId, 1, started(), succeeded);
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  agent.socket.terminate();
});

test("R67: events that come before the dashboard knows their run make it ask for the run", async () => {
  await using at = await open();
  const { core } = at;
  const runId = "01jd0000000000000000000078" as RunId;
  const { agent } = await at.connect([]);
  agent.send({ type: "runEvents", runId, events: [{ seq: 1, at: 1, ...started() }] });
  expect(await agent.next("reportRun")).toEqual({ type: "reportRun", runId, fromSeq: 1 });
  agent.send({ type: "runReport", runId, held: { state: "finished", lastSeq: 2, request: request(runId).request } });
  await send(agent, runId, 1, started(), succeeded);
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  agent.socket.terminate();
});

test("R67: a host that was put back to a snapshot ends its run by events whose numbers were used before; the log says where", async () => {
  await using at = await open();
  const { core } = at;
  const { agent: first, runId } = await at.begin(started(), log("one"), log("two"), log("three"));
  first.socket.terminate();

  // Its snapshot had two events; what went on from there has written two others.
  const writers = [
    { id: A, afterSeq: 0 },
    { id: B, afterSeq: 2 },
  ];
  const outcome = { state: "failed", code: "host-restarted", reason: "The host went down." };
  const back = await at.connect([{ runId, state: "finished", lastSeq: 4, writers, outcome, endedAt: Date.now() }]);
  expect(back.runs).toEqual([{ runId, storedSeq: 2, known: true }]);
  await send(back.agent, runId, 3, started(B), { kind: "finished", outcome });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "failed", sentence: "The host went down." });
  expect(await core.text(runId)).toMatch(/^one\ntwo\nthree\nThe host no longer has events 3 to 4 of this run: .*\n$/);
  back.agent.socket.terminate();
});

test("R67: the outcome of a run whose spool is damaged ends it, and its log says what is missing", async () => {
  await using at = await open();
  const { core } = at;
  const { agent, runId } = await at.begin(started(), log("one"));
  const outcome = { state: "succeeded" };
  const held = { state: "finished", lastSeq: 9, writers: [{ id: A, afterSeq: 0 }], outcome, endedAt: Date.now() };
  agent.send({ type: "runReport", runId, held, fault: "The events 3 to 9 are missing." });
  expect(await agent.next("ack")).toEqual({ type: "ack", runId, storedSeq: 9 });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect(await core.text(runId)).toBe(
    "one\nThe rest of this log could not be read on the host: The events 3 to 9 are missing.\n",
  );
  // Told again, after a lost acknowledgement, it changes nothing.
  agent.send({ type: "runReport", runId, held, fault: "The events 3 to 9 are missing." });
  expect(await agent.next("ack")).toEqual({ type: "ack", runId, storedSeq: 9 });
  expect((await core.views.view(runId))?.log.lines).toBe(2);
  agent.socket.terminate();
});

test("R67: where the host has lost how a run ended too, nobody knows it, and the run says so", async () => {
  await using at = await open();
  const { core } = at;
  const { agent, runId } = await at.begin(started());
  agent.send({ type: "runReport", runId, held: { state: "finished", lastSeq: 1 }, fault: "outcome.json is not JSON" });
  await agent.next("ack");
  expect(await core.whenEnded(runId)).toMatchObject({ state: "lost" });
  agent.socket.terminate();
});

test("R67: R51: a host is asked for no run of another, and what it says of one changes nothing", async () => {
  await using at = await open();
  const { core } = at;
  const beta = dial(core, at.beta?.token ?? "");
  await beta.greet({ hostname: "beta" });
  const runId = await core.begin(at.beta?.id as never, "test");
  await beta.next("startRun");
  const { agent, runs } = await at.connect([
    { runId, state: "finished", lastSeq: 2, outcome: { state: "succeeded" }, endedAt: 1 },
  ]);
  expect(runs).toEqual([{ runId, storedSeq: 0, known: false }]);
  agent.send({ type: "runReport", runId, held: null });
  agent.send({ type: "runReport", runId, held: { state: "finished", lastSeq: 2, request: request(runId).request }, fault: "no" });
  const own = await core.begin(at.id, "test");
  expect(await agent.next("startRun")).toMatchObject({ runId: own });
  expect(await core.views.summary(runId)).toMatchObject({ state: "starting" });
  beta.socket.terminate();
  agent.socket.terminate();
});
