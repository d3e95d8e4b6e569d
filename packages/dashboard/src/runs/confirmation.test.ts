import { connect, type Socket } from "node:net";
import { confirmPath, type FromDashboardOf, type HostId, Problem, type RunId, type StartRun } from "@nixfleet/protocol";
import { type Behaviour, createHealthyHost, type Step } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { ADA, type Core, type CoreOptions, openCore, openFleet } from "../core.fixture.ts";
import { dial } from "../links/bare-agent.fixture.ts";
import { createConfirmations, PING_TIMEOUT } from "./confirmation.ts";
import { openHistory } from "./history.fixture.ts";

const NOBODY = "01j0000000000000000000000z" as RunId;

async function askToConfirm(core: Pick<Core, "origin">, runId: string, secret?: string, init: RequestInit = {}) {
  const response = await fetch(`${core.origin}${confirmPath(runId as RunId)}`, {
    method: "POST",
    ...(secret === undefined ? {} : { headers: { Authorization: `Bearer ${secret}` } }),
    ...init,
  });
  const text = await response.text();
  return { status: response.status, text, ...(response.ok ? {} : { problem: Problem.parse(JSON.parse(text)) }) };
}

/** A host whose one run waits at its start until the gate opens; what it was sent comes out. */
async function openWaiting(options: Partial<CoreOptions> = {}) {
  const gate = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<StartRun & { confirmSecret: string }>();
  const behaviour: Behaviour = (start, host) => {
    sent.resolve(start as StartRun & { confirmSecret: string });
    return [{ do: "until", resolved: gate.promise }, ...(createHealthyHost({ pace: 0 })(start, host) as Step[])];
  };
  const lab = await openFleet(["alpha"], { ...options, simulator: { behaviour, backoff: { first: 20, longest: 100 } } });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await lab.core.begin(lab.id, "switch");
  const { confirmSecret: secret } = await sent.promise;
  return { lab, core: lab.core, gate, runId, secret, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

test("L22: whoever has the run's secret is told 200 while the run is at work and its host answers, as often as it asks", async () => {
  await using at = await openWaiting();
  const { core, runId, secret, gate } = at;
  expect(secret).toMatch(/^[\w-]{43}$/);
  for (let time = 0; time < 3; time++) expect(await askToConfirm(core, runId, secret)).toMatchObject({ status: 200 });
  gate.resolve();
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect(await askToConfirm(core, runId, secret)).toMatchObject({ status: 401 });
  // There is no secret any more, which is not the same as an empty one.
  expect(await core.runs.confirm(runId, "")).toEqual({ kind: "secret-wrong" });
});

test("L22: without the secret nothing is told of runs: wrong, missing, of another run or of no run, the answer is the same", async () => {
  await using at = await openWaiting();
  const { core, runId, secret, gate } = at;
  const wrong = secret.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  const answers = await Promise.all([
    askToConfirm(core, runId, wrong),
    askToConfirm(core, runId, "x"),
    askToConfirm(core, runId),
    askToConfirm(core, runId, "y".repeat(5000)),
    askToConfirm(core, NOBODY, secret),
    askToConfirm(core, "not-a-run", secret),
    askToConfirm(core, runId, undefined, { headers: { Authorization: `Basic ${secret}` } }),
  ]);
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]).toMatchObject({ status: 401, problem: { code: "confirm-secret-wrong" } });
  expect((await fetch(`${core.origin}${confirmPath(runId)}`)).status).toBe(404);
  gate.resolve();
  await core.whenEnded(runId);
});

test("L22, R37, R68: a host whose link is gone, or whose agent does not answer the ping, is not confirmed, and is told why", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, added } = lab;
  const token = added[0]?.token ?? "";
  const runId = await core.begin(lab.id, "switch", { whenBlocked: "queue" });
  const agent = dial(core, token);
  await agent.greet();
  const { confirmSecret = "" } = await agent.next("startRun");
  const asked = askToConfirm(core, runId, confirmSecret);
  // It gets the ping, and the link goes before it answers.
  await agent.next("ping");
  agent.socket.terminate();
  expect(await asked).toMatchObject({
    status: 409,
    problem: { code: "not-confirmed", detail: expect.stringMatching(/does not answer/) },
  });
  await core.until("presence.changed", async () => core.links.presence(lab.id).connectedSince === null);
  expect(await askToConfirm(core, runId, confirmSecret)).toMatchObject({
    status: 409,
    problem: { code: "host-not-linked" },
  });
});

test("L22: a start that is sent again carries the same secret, and one run's secret opens no other run", async () => {
  await using lab = await openFleet(["alpha", "beta"]);
  const { core, added } = lab;
  const [alpha, beta] = added;
  if (alpha === undefined || beta === undefined) throw new Error("two hosts were added");
  const starts: FromDashboardOf<"startRun">[] = [];
  const first = await core.begin(alpha.id, "switch", { whenBlocked: "queue" });
  for (let time = 0; time < 2; time++) {
    const agent = dial(core, alpha.token);
    await agent.greet();
    starts.push(await agent.next("startRun"));
    agent.socket.terminate();
    await core.until("presence.changed", async () => core.links.presence(alpha.id).connectedSince === null);
  }
  expect(starts[1]).toEqual(starts[0]);
  const second = await core.begin(beta.id, "switch", { whenBlocked: "queue" });
  const other = dial(core, beta.token);
  await other.greet();
  const { confirmSecret } = await other.next("startRun");
  expect(confirmSecret).not.toBe(starts[0]?.confirmSecret);
  expect(await askToConfirm(core, first, confirmSecret)).toMatchObject({ status: 401 });
  expect(await askToConfirm(core, second, starts[0]?.confirmSecret)).toMatchObject({ status: 401 });
});

test("L22: R5: a dashboard that is killed and started again still knows the secret of the run at work", async () => {
  await using at = await openWaiting();
  const { core, runId, secret, lab, gate } = at;
  await core.kill();
  const again = await openCore({ path: lab.path, port: core.port });
  await using _ = { [Symbol.asyncDispose]: () => again.stop() };
  await again.until("presence.changed", async () => again.links.presence(lab.id).connectedSince !== null);
  expect(await askToConfirm(again, runId, secret)).toMatchObject({ status: 200 });
  gate.resolve();
  expect(await again.whenEnded(runId)).toMatchObject({ state: "succeeded" });
});

test("L22: what somebody cancels is not confirmed", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, added } = lab;
  const runId = await core.begin(lab.id, "switch", { whenBlocked: "queue" });
  const agent = dial(core, added[0]?.token ?? "");
  await agent.greet();
  const { confirmSecret } = await agent.next("startRun");
  await core.runs.cancel(ADA, runId);
  expect(await askToConfirm(core, runId, confirmSecret)).toMatchObject({
    status: 409,
    problem: { detail: "The run is being cancelled." },
  });
});

test("L22: what is cancelled, or ends, while its host is asked is not confirmed", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, added } = lab;
  const agent = dial(core, added[0]?.token ?? "");
  await agent.greet();
  const ask = async (meanwhile: (runId: RunId) => Promise<unknown>) => {
    const runId = await core.begin(lab.id, "switch");
    const { confirmSecret } = await agent.next("startRun");
    const asked = askToConfirm(core, runId, confirmSecret);
    const { nonce } = await agent.next("ping");
    await meanwhile(runId);
    agent.send({ type: "pong", nonce });
    return await asked;
  };
  const ended = await ask(async (runId) => {
    agent.send({ type: "runRefused", runId, code: "no-clone", reason: "There is no clone." });
    await core.whenEnded(runId);
  });
  expect(ended).toMatchObject({ status: 409, problem: { detail: "The run has ended." } });
  const cancelled = await ask((runId) => core.runs.cancel(ADA, runId));
  expect(cancelled).toMatchObject({ status: 409, problem: { detail: "The run is being cancelled." } });
  agent.socket.terminate();
});

test("L22: an agent that does not answer within three seconds has not answered; one that has leaves no timer behind", async () => {
  await using at = await openHistory();
  const hostId = await at.addHost("alpha");
  const runId = await at.addRun({ host: hostId, ended: null });
  await at.store.change(({ db }) => db.updateTable("runs").set({ state: "running", confirm_secret: "secret" }).execute());
  let answers = (_signal: AbortSignal) => Promise.resolve(true);
  const presence = { isConnected: () => true, answers: (_: HostId, signal: AbortSignal) => answers(signal) };
  const { confirm } = createConfirmations({ store: at.store, clock: at.clock, presence });
  expect(await confirm(runId, "secret")).toEqual({ kind: "confirmed" });
  expect(at.clock.waiting).toBe(0);
  const asked = Promise.withResolvers<AbortSignal>();
  answers = (signal) => {
    asked.resolve(signal);
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(false)));
  };
  const silent = confirm(runId, "secret");
  const signal = await asked.promise;
  at.clock.advance(PING_TIMEOUT - 1);
  expect(signal.aborted).toBe(false);
  at.clock.advance(1);
  expect(await silent).toEqual({ kind: "not-confirmed", reason: "The host's agent is connected, but does not answer." });
});

test("L22: of one run four questions are answered at a time; one more is told to wait, and those that were answered make room", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, added } = lab;
  const agent = dial(core, added[0]?.token ?? "");
  await agent.greet();
  const runId = await core.begin(lab.id, "switch");
  const { confirmSecret = "" } = await agent.next("startRun");
  for (let round = 0; round < 2; round++) {
    const asked = Array.from({ length: 4 }, () => core.runs.confirm(runId, confirmSecret));
    const nonces = [];
    for (let count = 0; count < 4; count++) nonces.push((await agent.next("ping")).nonce);
    expect(await core.runs.confirm(runId, confirmSecret)).toEqual({ kind: "too-many" });
    for (const nonce of nonces) agent.send({ type: "pong", nonce });
    expect(await Promise.all(asked)).toEqual(nonces.map(() => ({ kind: "confirmed" })));
  }
  agent.socket.terminate();
});

test("R58: after the end of a run its secret stands nowhere: not in the database, not in the log, not in what pages are shown", async () => {
  await using at = await openWaiting();
  const { core, runId, secret, gate } = at;
  const stored = async () => {
    const tables = ["runs", "hosts", "host_facts", "deployments", "log_chunks", "meta", "audit"] as const;
    return JSON.stringify(await Promise.all(tables.map((table) => core.store.db.selectFrom(table).selectAll().execute())));
  };
  await askToConfirm(core, runId, secret);
  await askToConfirm(core, runId, `${secret}x`);
  // So that the test would see it.
  expect(await stored()).toContain(secret);
  expect(JSON.stringify(await core.views.view(runId))).not.toContain(secret);
  gate.resolve();
  await core.whenEnded(runId);
  expect(await stored()).not.toContain(secret);
  expect(JSON.stringify([core.logged, await core.views.view(runId), await core.text(runId)])).not.toContain(secret);
});

test("R37: a switch that nobody confirms ends rolled-back, and says what was undone, why, and what runs now", async () => {
  const behaviour: Behaviour = (_, { facts }) => {
    const back = facts.running?.closure ?? "";
    return [
      { do: "phase", phase: "activate" },
      { do: "event", event: { kind: "armed", until: Date.now() + 60_000, back } },
      { do: "dropLink", forMs: 50 },
      { do: "phase", phase: "confirm" },
      {
        do: "confirm",
        within: 0,
        otherwise: [
          { do: "phase", phase: "undo" },
          {
            do: "finish",
            outcome: { state: "rolled-back", code: "not-confirmed", reason: "The dashboard was not reached within 120 s." },
          },
        ],
      },
    ];
  };
  await using lab = await openFleet(["alpha"], { simulator: { behaviour, backoff: { first: 20, longest: 100 } } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await core.begin(id, "switch");
  expect(await core.whenEnded(runId)).toMatchObject({
    state: "rolled-back",
    sentence:
      "The switch to 7f3a91c was undone. The dashboard was not reached within 120 s. The host is back on the previous system, nixos-system-alpha.",
  });
  expect(await core.views.view(runId)).toMatchObject({
    armed: null,
    outcome: { code: "not-confirmed", next: expect.stringContaining("Check the diff") },
    retry: { kind: "start", op: "switch", args: { mode: "switch" } },
  });
});

test("E13: a switch shows until when it waits for its confirmation, and no more once it is confirmed", async () => {
  const gate = Promise.withResolvers<void>();
  const behaviour: Behaviour = (start, host) => {
    const steps = createHealthyHost({ pace: 0 })(start, host) as Step[];
    const place = steps.findIndex((step) => step.do === "confirm");
    return [...steps.slice(0, place), { do: "until", resolved: gate.promise }, ...steps.slice(place)];
  };
  await using lab = await openFleet(["alpha"], { simulator: { behaviour } });
  const { core, id } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const back = lab.fleet.host("alpha").facts.running?.closure;
  const runId = await core.begin(id, "switch");
  expect(await core.whenRun(runId, ({ word }) => word === "Confirm")).toMatchObject({ state: "running" });
  expect(await core.views.view(runId)).toMatchObject({ armed: { back, until: expect.any(Number) }, mayCancel: true });
  gate.resolve();
  expect(await core.whenEnded(runId)).toMatchObject({ state: "succeeded" });
  expect(await core.views.view(runId)).toMatchObject({ armed: null });
});

test("R65: thousands who never end their bodies keep no host from being confirmed: nothing of them is waited for", async () => {
  await using lab = await openFleet(["alpha"], { simulator: { behaviour: () => [{ do: "hang" }] } });
  const { core } = lab;
  lab.fleet.start();
  await lab.fleet.whenConnected();
  const runId = await core.begin(lab.id, "test");
  await core.whenRun(runId, ({ state }) => state === "running");
  const row = await core.store.db.selectFrom("runs").select("confirm_secret").where("id", "=", runId).executeTakeFirst();
  const { port } = new URL(core.origin);
  const head = `POST ${confirmPath(runId)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 1000\r\n\r\nx`;
  const sockets = Array.from({ length: 2500 }, () =>
    connect(Number(port), "127.0.0.1", function (this: Socket) {
      this.write(head);
    }).on("error", () => {}),
  );
  const answers = await Promise.all(
    sockets.map(async (socket) => {
      let text = "";
      for await (const chunk of socket.setEncoding("utf8")) text += chunk;
      return text.slice(0, 12);
    }),
  );
  // Answered, and closed from this side, though nobody has sent the rest.
  expect(new Set(answers)).toEqual(new Set(["HTTP/1.1 401"]));
  expect((await askToConfirm(core, runId, row?.confirm_secret ?? "")).status).toBe(200);
});
