import { randomBytes } from "node:crypto";
import { type FromDashboard, type HostId, REFUSALS } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { Actor, PersonActor } from "../actor.ts";
import { NO_PRESENCE, type Presence } from "../hosts/index.ts";
import { createIds } from "../ids.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { MAX_QUEUED_RUNS } from "./dispatch-order.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createRunCommands, type NamedHost, type RunRequest, type VerifyProof } from "./run-commands.ts";
import type { TargetCommits } from "./target-commits.ts";

const ada: PersonActor = { kind: "person", id: "1", name: "ada", role: "operator", address: "192.0.2.1", proof: null };
const proven: PersonActor = { ...ada, proof: { password: () => "secret" } };
const ALLOWED: readonly { actor: Actor; subject: string }[] = [
  { actor: ada, subject: "ada" },
  { actor: { kind: "token", id: "t1", name: "ci", role: "operator", address: "192.0.2.2" }, subject: "The token ci" },
  { actor: { kind: "rollout", id: "r1", name: "weekly", role: "admin" }, subject: "The rollout weekly" },
  { actor: { kind: "webhook", id: "w1", name: "push", role: "operator" }, subject: "The webhook push" },
  { actor: { kind: "schedule", id: "s1", name: "nightly", role: "operator" }, subject: "The schedule nightly" },
];
const runTests: RunRequest = { op: "test", args: {}, whenBlocked: "queue", force: false };

/** Hosts that are not connected, unless the test says so. */
async function open({ verifyProof = async () => ({ kind: "proven" }) }: { verifyProof?: VerifyProof } = {}) {
  const clock = createFakeClock();
  const { store, sent } = await openTestStore({ clock });
  const ids = createIds({ now: clock.now, randomBytes });
  const connected = new Set<HostId>();
  const presence: Presence = {
    of: () => NO_PRESENCE,
    isConnected: (hostId) => connected.has(hostId),
    send: () => {},
    answers: async () => true,
  };
  const sources: TargetCommits = { targetOf: (sourceId) => ({ state: "unknown", sourceId }), subjectOf: async () => null };
  const dispatcher = createDispatcher({ log: quiet, clock, presence, randomBytes, wakeAt: () => {} });
  const commands = createRunCommands({ store, clock, ids, presence, verifyProof, sources }, dispatcher);
  const hosts: NamedHost[] = [];
  for (const name of ["alpha", "beta"]) {
    const id = ids.host();
    const host = { id, name, name_key: name, platform: "nixos" as const, notes: "", added_at: 0 };
    await store.change(({ db }) => db.insertInto("hosts").values(host).execute());
    hosts.push({ id, name });
  }
  const [alpha, beta] = hosts as [NamedHost, NamedHost];
  const rows = () =>
    store.db.selectFrom("runs").select(["host_id", "actor_kind", "actor_id", "actor_name"]).orderBy("number").execute();
  const entries = () =>
    store.db
      .selectFrom("audit")
      .select(["actor_kind", "actor_id", "who", "action", "sentence", "outcome", "address", "run_id"])
      .orderBy("seq")
      .execute();
  const started = (): FromDashboard[] => sent.map(({ message }) => message);
  return { store, commands, alpha, beta, connected, rows, entries, started, clock, [Symbol.asyncDispose]: () => store.close() };
}

test.each(ALLOWED)(
  "R74: a run of a $actor.kind keeps who asked, by kind, id and name, and so does its audit entry",
  async ({ actor, subject }) => {
    await using at = await open();
    expect(await at.commands.ask(actor, runTests, at.alpha)).toMatchObject({ kind: "answered", result: { ok: true } });
    expect(await at.commands.askMany(actor, runTests, [at.alpha, at.beta])).toMatchObject({
      kind: "answered",
      result: [{ ok: true }, { ok: true }],
    });
    const kept = { actor_kind: actor.kind, actor_id: actor.id, actor_name: actor.name };
    expect(await at.rows()).toEqual([at.alpha, at.alpha, at.beta].map(({ id }) => ({ host_id: id, ...kept })));
    const entries = await at.entries();
    expect(entries).toEqual(
      [at.alpha, at.alpha, at.beta].map(({ name }) => ({
        actor_kind: actor.kind,
        actor_id: actor.id,
        who: actor.name,
        action: "run.start",
        sentence: `${subject} requested “Run tests” on ${name}.`,
        outcome: "done",
        address: "address" in actor ? actor.address : null,
        run_id: expect.any(String),
      })),
    );
    expect(new Set(entries.map(({ run_id }) => run_id)).size).toBe(3);
  },
);

const reboot = { ...runTests, op: "reboot" };
type Denial = { actor: Actor; subject: string; request: RunRequest; code: "role-too-low" | "second-factor-required" };
const REFUSED: readonly Denial[] = [
  { actor: { ...ada, role: "viewer" }, subject: "ada", request: runTests, code: "role-too-low" },
  { actor: { ...proven, role: "viewer" }, subject: "ada", request: reboot, code: "role-too-low" },
  {
    actor: { kind: "token", id: "t1", name: "ci", role: "viewer", address: "192.0.2.2" },
    subject: "The token ci",
    request: runTests,
    code: "role-too-low",
  },
  {
    actor: { kind: "token", id: "t1", name: "ci", role: "admin", address: "192.0.2.2" },
    subject: "The token ci",
    request: reboot,
    code: "second-factor-required",
  },
  {
    actor: { kind: "rollout", id: "r1", name: "weekly", role: "admin" },
    subject: "The rollout weekly",
    request: reboot,
    code: "second-factor-required",
  },
  {
    actor: { kind: "webhook", id: "w1", name: "push", role: "viewer" },
    subject: "The webhook push",
    request: runTests,
    code: "role-too-low",
  },
  {
    actor: { kind: "schedule", id: "s1", name: "nightly", role: "admin" },
    subject: "The schedule nightly",
    request: reboot,
    code: "second-factor-required",
  },
  {
    actor: { kind: "host", id: "01j00000000000000000000000" as HostId, name: "alpha" },
    subject: "Somebody on alpha",
    request: runTests,
    code: "role-too-low",
  },
];

test.each(REFUSED)(
  "R74: what a $actor.kind may not start ($request.op, $code) is refused, recorded once for each host, and starts nothing",
  async ({ actor, subject, request, code }) => {
    await using at = await open({
      verifyProof: async () => {
        throw new Error("Nothing is verified for an actor that may not");
      },
    });
    const reason = REFUSALS[code].sentence;
    expect(await at.commands.askMany(actor, request, [at.alpha, at.beta])).toEqual({
      kind: "answered",
      result: [
        { ok: false, code, reason },
        { ok: false, code, reason },
      ],
    });
    expect(await at.rows()).toEqual([]);
    const label = request.op === "reboot" ? "Reboot" : "Run tests";
    expect(await at.entries()).toEqual(
      [at.alpha, at.beta].map(({ name }) => ({
        actor_kind: actor.kind,
        actor_id: actor.id,
        who: actor.name,
        action: "run.start",
        sentence: `${subject} requested “${label}” on ${name} and was refused: ${reason}`,
        outcome: "refused",
        address: "address" in actor ? actor.address : null,
        run_id: null,
      })),
    );
  },
);

test("R74: a person's proof is verified once for all hosts; without one, or with a wrong one, nothing is started", async () => {
  const asked: string[] = [];
  let verdict: Awaited<ReturnType<VerifyProof>> = { kind: "wrong" };
  await using at = await open({
    verifyProof: async (person, what) => {
      asked.push(`${person.name} ${what} ${person.proof?.password()}`);
      return verdict;
    },
  });
  for (const { id } of [at.alpha, at.beta]) at.connected.add(id);
  expect(await at.commands.ask(ada, reboot, at.alpha)).toEqual({ kind: "unproven", problem: { kind: "required" } });
  expect(asked).toEqual([]);
  expect(await at.commands.ask(proven, reboot, at.alpha)).toEqual({ kind: "unproven", problem: { kind: "wrong" } });
  verdict = { kind: "too-many-attempts", retryAfter: 7 };
  expect(await at.commands.ask(proven, reboot, at.alpha)).toEqual({ kind: "unproven", problem: verdict });
  expect([await at.rows(), await at.entries(), at.started()]).toEqual([[], [], []]);
  verdict = { kind: "proven" };
  asked.length = 0;
  expect(await at.commands.askMany(proven, reboot, [at.alpha, at.beta])).toMatchObject({ result: [{ ok: true }, { ok: true }] });
  expect(asked).toEqual(["ada start “Reboot” on 2 hosts secret"]);
  expect(at.started()).toMatchObject([
    { type: "startRun", op: "reboot", askedBy: "ada" },
    { type: "startRun", op: "reboot", askedBy: "ada" },
  ]);
  expect(JSON.stringify([await at.rows(), await at.entries()])).not.toContain("secret");
});

test("R74: what does not fit, or cannot be done now, is refused and recorded once; a host that is not there is not", async () => {
  await using at = await open();
  const ask = async (request: Partial<RunRequest>, host = at.alpha) => {
    const before = (await at.entries()).length;
    const asked = await at.commands.ask(ada, { ...runTests, ...request }, host);
    const entries = (await at.entries()).slice(before);
    const code = asked.kind === "answered" && !asked.result.ok ? asked.result.code : asked.kind;
    return [code, entries.map(({ outcome, sentence }) => [outcome, sentence.slice(0, 31)])];
  };
  const once = [["refused", "ada requested “Run tests” on al"]];
  expect(await ask({ op: "format-disk" })).toEqual(["op-unknown", [["refused", "ada requested an unknown op on "]]]);
  expect(await ask({ args: { path: "/" } })).toEqual(["arguments-invalid", once]);
  expect(await ask({ whenBlocked: "refuse" })).toEqual(["host-offline", once]);
  const nobody = { id: "01j0000000000000000000000z" as HostId, name: "nobody" };
  expect(await ask({}, nobody)).toEqual(["host-not-found", []]);
  at.connected.add(at.alpha.id);
  await ask({});
  expect(await ask({ whenBlocked: "refuse" })).toEqual(["host-busy", once]);
  expect(await at.rows()).toHaveLength(1);
});

test.each(ALLOWED)(
  "R74: a $actor.kind is refused when as many runs wait for the host as may, and the refusal is recorded; other hosts are not affected",
  async ({ actor, subject }) => {
    await using at = await open();
    const requestOf = (place: number): RunRequest => ({ ...runTests, requestKey: `k${place}` });
    const first = await at.commands.ask(actor, requestOf(0), at.alpha);
    for (let place = 1; place < MAX_QUEUED_RUNS; place++) {
      expect(await at.commands.ask(actor, requestOf(place), at.alpha)).toMatchObject({ result: { ok: true } });
    }
    const { sentence } = REFUSALS["queue-full"];
    const full = { ok: false, code: "queue-full", reason: sentence };
    expect(await at.commands.askMany(actor, runTests, [at.alpha, at.beta])).toMatchObject({ result: [full, { ok: true }] });
    const hold = { by: "rollout", reason: "Waits for its batch.", until: null } as const;
    expect(await at.commands.ask(actor, { ...runTests, hold }, at.alpha)).toEqual({ kind: "answered", result: full });
    const refused = (await at.entries()).filter(({ outcome }) => outcome === "refused");
    expect(refused.map((entry) => entry.sentence)).toEqual(
      [1, 2].map(() => `${subject} requested “Run tests” on alpha and was refused: ${sentence}`),
    );

    // A repeated request gets its run, and one that was cancelled leaves its place.
    expect(await at.commands.ask(actor, requestOf(0), at.alpha)).toEqual(first);
    if (first.kind !== "answered" || !first.result.ok) throw new Error("The first run was not accepted");
    await at.commands.cancel(actor, first.result.runId);
    expect(await at.commands.ask(actor, runTests, at.alpha)).toMatchObject({ result: { ok: true } });
    expect(await at.commands.ask(actor, runTests, at.alpha)).toMatchObject({ result: full });
  },
);

test("However many runs are held, the next one starts if nothing else is in its way; behind it, no more can wait", async () => {
  await using at = await open();
  at.connected.add(at.alpha.id);
  const hold = { by: "window", reason: "Waits for its window.", until: null } as const;
  for (let place = 0; place < MAX_QUEUED_RUNS; place++) await at.commands.ask(ada, { ...runTests, hold }, at.alpha);
  expect(at.started()).toEqual([]);
  expect(await at.commands.ask(ada, runTests, at.alpha)).toMatchObject({ result: { ok: true } });
  expect(at.started()).toMatchObject([{ type: "startRun", op: "test" }]);
  expect(await at.commands.ask(ada, runTests, at.alpha)).toMatchObject({ result: { ok: false, code: "queue-full" } });
});

test("R1: asked again under its name, of one host or of several, a request gives the runs that it gave before, for a day", async () => {
  await using at = await open();
  const named = { ...runTests, requestKey: "k1" };
  const first = await at.commands.ask(ada, named, at.alpha);
  expect(await at.commands.ask(ada, named, at.alpha)).toEqual(first);
  const many = await at.commands.askMany(ada, { ...runTests, requestKey: "k2" }, [at.alpha, at.beta]);
  expect(await at.commands.askMany(ada, { ...runTests, requestKey: "k2" }, [at.alpha, at.beta])).toEqual(many);
  expect([await at.rows(), await at.entries()]).toMatchObject([{ length: 3 }, { length: 3 }]);
  at.clock.advance(24 * 3_600_000 - 1);
  expect(await at.commands.ask(ada, named, at.alpha)).toEqual(first);
  at.clock.advance(1);
  expect(await at.commands.ask(ada, named, at.alpha)).not.toEqual(first);
});

test("R74: a cancellation names who asked for it, in the run, in the audit trail and in its sentence", async () => {
  await using at = await open();
  const asked = await at.commands.ask(ada, runTests, at.alpha);
  if (asked.kind !== "answered" || !asked.result.ok) throw new Error("It starts");
  const { runId } = asked.result;
  const token: Actor = { kind: "token", id: "t1", name: "ci", role: "operator", address: "192.0.2.2" };
  expect(await at.commands.cancel(token, runId)).toEqual({ ok: true });
  expect((await at.entries()).at(-1)).toEqual({
    actor_kind: "token",
    actor_id: "t1",
    who: "ci",
    action: "run.cancel",
    sentence: "The token ci cancelled “Run tests” on alpha.",
    outcome: "done",
    address: "192.0.2.2",
    run_id: runId,
  });
  const row = await at.store.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
  expect(row).toMatchObject({ state: "cancelled", cancel_requested_by: "ci" });
  const entries = (await at.entries()).length;
  expect(await at.commands.cancel(token, runId)).toEqual({ ok: false, code: "run-ended" });
  expect(await at.entries()).toHaveLength(entries);
});
