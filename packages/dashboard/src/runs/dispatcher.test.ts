import { DatabaseSync } from "node:sqlite";
import type { RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { ADA, COMMIT, OLDER_COMMIT, openFleet } from "../core.fixture.ts";
import { dial, hello } from "../links/bare-agent.fixture.ts";
import { MAX_QUEUED_RUNS } from "./dispatch-order.ts";

test("R69: when as many runs wait for a host as may, a request for another and each dispatch read few of them", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, id } = lab;
  const first = await core.begin(id, "pull", { whenBlocked: "queue" });
  const row = await core.store.db.selectFrom("runs").selectAll().executeTakeFirstOrThrow();
  const like = (number: number) => ({ ...row, id: `${first.slice(0, -4)}${String(number).padStart(4, "0")}` as RunId, number });
  await core.store.change(({ db }) =>
    db
      .insertInto("runs")
      .values(Array.from({ length: MAX_QUEUED_RUNS - 2 }, (_, place) => like(place + 2)))
      .execute(),
  );
  // What cannot be read is noticed when it is read: behind the first ones, each that says why it waits is left alone.
  const database = new DatabaseSync(lab.path);
  database.exec("update runs set args = 'x' where number > 60");
  const last = await core.begin(id, "pull", { whenBlocked: "queue" });
  expect(await core.views.summary(last)).toMatchObject({ state: "queued", queueReason: "host-offline" });
  database.exec("update runs set args = '{}' where number > 60");
  database.close();

  const refusing = dial(core, lab.added[0]?.token ?? "");
  await refusing.greet();
  for (let turn = 0; turn < 45; turn++) {
    const { runId } = await refusing.next("startRun");
    refusing.send({ type: "runRefused", runId, code: "op-unknown", reason: "no" });
  }
  const waits = await core.store.db.selectFrom("runs").select("queue_reason").distinct().where("state", "=", "queued").execute();
  expect(waits).toEqual([{ queue_reason: "host-busy" }]);
  refusing.socket.terminate();
});

test("of runs whose turn comes and which must be refused, as many as there are make way for the first that may start", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, id } = lab;
  const link = dial(core, lab.added[0]?.token ?? "");
  await link.greet();
  const atWork = await core.begin(id, "pull");
  await link.next("startRun");
  const waiting: RunId[] = [];
  for (let number = 0; number < 45; number++) waiting.push(await core.begin(id, "pull", { whenBlocked: "queue" }));
  const fits = waiting.at(-1) as RunId;
  // A pull needs a commit.
  await core.store.change(({ db }) =>
    db.updateTable("runs").set({ commit_id: null }).where("id", "in", waiting.slice(0, -1)).execute(),
  );
  link.send({ type: "runRefused", runId: atWork, code: "op-unknown", reason: "no" });
  let started: RunId;
  // The first start may be sent again by the hello that was stored after it.
  do started = (await link.next("startRun")).runId;
  while (started === atWork);
  expect(started).toBe(fits);
  link.socket.terminate();
});

test("a run that waits for a host which follows another source by then is refused with the reason, unless it names its commit", async () => {
  await using lab = await openFleet(["alpha"], { branches: { staging: { commit: OLDER_COMMIT, subject: "Staging" } } });
  const { core, id } = lab;
  const first = dial(core, lab.added[0]?.token ?? "");
  await first.greet();
  await core.until("host.changed", async () => (await core.hosts.get(id))?.sourceId != null);
  first.socket.terminate();
  await core.until("presence.changed", async () => !core.links.presence(id).connectedSince);
  const frozen = await core.begin(id, "pull", { whenBlocked: "queue" });
  const named = await core.begin(id, "pull", { whenBlocked: "queue", args: { commit: COMMIT } });
  const second = dial(core, lab.added[0]?.token ?? "");
  await second.greet({ settings: { ...hello().settings, branch: "staging" } });
  expect(await second.next("startRun")).toMatchObject({ runId: named });
  expect(await core.views.view(frozen)).toMatchObject({
    summary: { state: "refused" },
    outcome: { code: "target-unknown", reason: expect.stringContaining("follows another source") },
  });
  second.socket.terminate();
});

test("R1: a request for several hosts that is asked again when one of them is gone starts nothing a second time", async () => {
  await using lab = await openFleet(["alpha", "beta"]);
  const { core, added } = lab;
  const request = { op: "pull", args: {}, whenBlocked: "queue", force: false, requestKey: "key" } as const;
  const idsOf = async (hosts: typeof added) => {
    const asked = await core.runs.askMany(ADA, request, hosts);
    return asked.kind === "answered" ? asked.result.map((result) => result.ok && result.runId) : [];
  };
  const [alpha] = await idsOf(added);
  expect(await idsOf(added.slice(0, 1))).toEqual([alpha]);
  expect(await idsOf(added.slice(1))).not.toContain(alpha);
});
