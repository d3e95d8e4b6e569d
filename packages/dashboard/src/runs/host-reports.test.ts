import type { RunEvent, RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { COMMIT, type CoreOptions, openFleet } from "../core.fixture.ts";
import { dial } from "../links/bare-agent.fixture.ts";

/** When the host's runs end, by its clock: after all that its hello told. */
const END = Date.now() + 60_000;

/** A connected host whose agent is the test. */
async function open(options: Partial<CoreOptions> = {}) {
  const lab = await openFleet(["alpha"], options);
  const { core, id, added } = lab;
  const agent = dial(core, added[0]?.token ?? "");
  await agent.greet();
  const seqs = new Map<RunId, number>();
  /** Sends events of a run, numbered on, and waits until they are acknowledged. */
  async function report(runId: RunId, ...bodies: object[]): Promise<number> {
    const first = (seqs.get(runId) ?? 0) + 1;
    const events = bodies.map((body, place) => ({ seq: first + place, at: END, ...body })) as RunEvent[];
    seqs.set(runId, first + bodies.length - 1);
    agent.send({ type: "runEvents", runId, events });
    return (await agent.next("ack")).storedSeq;
  }
  const changes: RunId[] = [];
  core.bus.on("run.changed", ({ runId }) => void changes.push(runId), { owner: "test" });
  return {
    core,
    id,
    agent,
    report,
    changes,
    async [Symbol.asyncDispose]() {
      agent.socket.terminate();
      await lab[Symbol.asyncDispose]();
    },
  };
}

const started = { kind: "started", agentVersion: "1" };
const succeeded = { kind: "finished", outcome: { state: "succeeded" } };
const log = (...texts: string[]) => ({ kind: "log", lines: texts.map((text) => ({ at: 1, stream: "nix", text })) });

test("R22: facts that prove a run end it: that is published, and the next run that waits is started", async () => {
  await using at = await open();
  const { core, id, agent, report, changes } = at;
  const runId = await core.begin(id, "pull");
  await agent.next("startRun");
  const next = await core.begin(id, "test", { whenBlocked: "queue" });
  await report(runId, started, succeeded);
  expect(await core.views.summary(runId)).toMatchObject({ state: "running" });
  changes.length = 0;
  // Read before the end: they prove nothing.
  agent.send({ type: "facts", reading: { readAt: END - 1, facts: { clone: { commit: COMMIT, branch: "main", fetchedAt: 1 } } } });
  await core.until("host.changed", async () => (await core.hosts.get(id))?.facts.clone?.readAt === END - 1);
  expect([await core.views.summary(runId), changes]).toMatchObject([{ state: "running" }, []]);
  agent.send({
    type: "facts",
    reading: { readAt: END, facts: { clone: { commit: COMMIT, branch: "main", fetchedAt: 1 } } },
  });
  expect(await agent.next("startRun")).toMatchObject({ runId: next });
  expect(await core.views.summary(runId)).toMatchObject({ state: "succeeded" });
  expect(changes).toEqual([runId, next]);
});

test("E6: what follows the host's own end of a run is acknowledged and dropped: no line, no other end, no change", async () => {
  await using at = await open();
  const { core, id, agent, report, changes } = at;
  const runId = await core.begin(id, "test");
  await agent.next("startRun");
  await report(runId, started, log("before"), succeeded);
  const before = await core.views.view(runId);
  expect(before).toMatchObject({ summary: { state: "succeeded" }, log: { lines: 1 } });
  changes.length = 0;
  const failed = { kind: "finished", outcome: { state: "failed", code: "tests-failed", reason: "no" } };
  expect(await report(runId, log("after"), { kind: "warning", message: "late" }, failed)).toBe(6);
  expect(await report(runId, log("more"))).toBe(7);
  expect(await core.views.view(runId)).toEqual(before);
  expect(await core.text(runId)).toBe("before\n");
  expect(changes).toEqual([]);
});

test("E6: also within the message that brings the end, and while the end waits for its proof", async () => {
  await using at = await open();
  const { core, id, agent, report } = at;
  const whole = await core.begin(id, "test");
  await agent.next("startRun");
  expect(await report(whole, started, log("before"), succeeded, log("after"))).toBe(4);
  expect(await core.text(whole)).toBe("before\n");
  const waiting = await core.begin(id, "pull");
  await agent.next("startRun");
  await report(waiting, started, succeeded);
  expect(await core.views.summary(waiting)).toMatchObject({ state: "running" });
  expect(await report(waiting, log("after"))).toBe(3);
  expect(await core.text(waiting)).toBe("");
});

test("E6: E11: R67: the report of a run that counted as lost is its end: what came before it is kept, what follows it is dropped", async () => {
  await using at = await open();
  const { core, id, agent, report } = at;
  const runId = await core.begin(id, "test");
  await agent.next("startRun");
  await report(runId, started);
  agent.send({ type: "runReport", runId, held: null });
  expect(await core.whenEnded(runId)).toMatchObject({ state: "lost" });
  const next = await core.begin(id, "test", { whenBlocked: "queue" });
  await agent.next("startRun");
  expect(await report(runId, log("late"), succeeded, log("after"))).toBe(4);
  expect(await report(runId, log("more"))).toBe(5);
  expect(await core.text(runId)).toBe("late\n");
  expect(await core.views.view(runId)).toMatchObject({ summary: { state: "succeeded" }, lateReport: null });
  expect(await core.views.summary(next)).toMatchObject({ state: "starting" });
});
