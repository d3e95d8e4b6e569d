import {
  type Facts,
  isTerminal,
  OPS,
  type OpRequest,
  type Outcome,
  type RunEventBody,
  type RunId,
  RunState,
} from "@nixfleet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KnownFacts } from "../hosts/host-facts.ts";
import { advance, dueAt, QUEUE_LIMIT } from "./advance.ts";
import { ANSWER_LIMIT, AWAY_LIMIT, REPORT_GRACE } from "./inquiry.ts";
import { queuedRun } from "./run.fixture.ts";
import { phasesOf, type QueuedRun, type Run } from "./run.ts";
import { PROOF_LIMIT } from "./run-events.ts";
import type { HeldState, RunSignal } from "./transition.ts";

const NOW = 1_790_000_000_000;
const HOUR = 3_600_000;
const COMMIT = "a".repeat(40);
const OTHER_COMMIT = "b".repeat(40);
const CLOSURE = `/nix/store/${"1".repeat(32)}-system`;
const OTHER_CLOSURE = `/nix/store/${"2".repeat(32)}-system`;

const aRun = (
  op: "switch" | "pull" | "test" = "switch",
  more: { deadline?: number; mode?: "switch" | "boot" | "test" } = {},
): QueuedRun =>
  queuedRun({
    request:
      op === "switch" ? { op, args: { mode: more.mode ?? "switch" } } : op === "pull" ? { op, args: {} } : { op, args: {} },
    commit: op === "test" ? null : COMMIT,
    deadline: more.deadline ?? OPS[op].deadline,
    createdAt: NOW,
  });

const report = (body: RunEventBody, at = NOW, facts: KnownFacts = {}): RunSignal => ({
  kind: "report",
  event: { seq: 1, at, ...body },
  facts,
});
const started = report({ kind: "started", agentVersion: "1" });
const deployed = report({
  kind: "deployed",
  deployment: { closure: CLOSURE, commit: COMMIT, runId: "01j00000000000000000000001" as RunId, at: NOW, mode: "switch" },
});
const armed = report({ kind: "armed", until: NOW + 120_000, back: OTHER_CLOSURE });
const runs = (closure: string, readAt: number): KnownFacts => ({ running: { value: { closure }, readAt } });
const ended = (outcome: Outcome, at = NOW, facts: KnownFacts = {}) => report({ kind: "finished", outcome }, at, facts);
const failed = ended({ state: "failed", code: "build-failed", reason: "hello does not build", firstError: "error: no" });

const up = (state: HeldState["state"] | null): RunSignal => ({ kind: "linkUp", held: state && { state } });
const answer = (held: HeldState | null): RunSignal => ({ kind: "answer", held });
const tick: RunSignal = { kind: "tick", connected: false };
const tickConnected: RunSignal = { kind: "tick", connected: true };

/** Feeds inputs one after another, all at one time. */
const feed = (run: Run, inputs: readonly RunSignal[], now = NOW): Run =>
  inputs.reduce((current, input) => advance(current, input, now).run, run);
const starting = () => feed(aRun(), [{ kind: "dispatch", confirmSecret: "s" }]);
const running = () => feed(starting(), [started]);

test("a run passes from queued to succeeded, sending its start once", () => {
  const dispatched = advance(aRun(), { kind: "dispatch", confirmSecret: "s" }, NOW);
  expect(dispatched).toMatchObject({ run: { state: "starting" }, effects: ["sendStart"] });
  const atWork = feed(dispatched.run, [started, report({ kind: "phase", phase: "build" }), deployed]);
  expect(atWork).toMatchObject({ state: "running", phases: [{ phase: "build", endedAt: null }] });
  const done = feed(atWork, [ended({ state: "succeeded" }, NOW, runs(CLOSURE, NOW))]);
  expect(done).toMatchObject({ state: "succeeded", outcome: { reported: true }, phases: [{ phase: "build", endedAt: NOW }] });
});

test("R71: the first error of a run and its line in the log are what the host says", () => {
  const at = ended({
    state: "failed",
    code: "build-failed",
    reason: "It failed.",
    firstError: "cc: error: no",
    firstErrorLine: 42,
  });
  expect(feed(running(), [at])).toMatchObject({ outcome: { firstError: "cc: error: no", firstErrorLine: 42 } });
  expect(feed(running(), [failed])).toMatchObject({ outcome: { firstError: "error: no" } });
});

test("R2: a link that drops and comes back says nothing about the outcome; the report of the host does", () => {
  const dropped = feed(running(), [{ kind: "linkDown" }]);
  expect(dropped).toMatchObject({ state: "running", linkLost: true });
  const back = advance(dropped, up("active"), NOW + HOUR / 2);
  expect(back).toMatchObject({ run: { state: "running", linkLost: false }, effects: [] });
  expect(feed(back.run, [failed]).state).toBe("failed");
});

test("R2: R67: a host that never comes back ends as lost, a week after its deadline and not before", () => {
  const dropped = feed(running(), [{ kind: "linkDown" }]);
  const limit = NOW + OPS.switch.deadline + REPORT_GRACE;
  expect(dueAt({ ...dropped, slow: true } as Run)).toBe(limit);
  const away = feed(dropped, [tick, tick], limit);
  expect(away).toMatchObject({ state: "running", inquiry: { kind: "away" } });
  expect(feed(away, [tick], limit + AWAY_LIMIT - 1).state).toBe("running");
  expect(feed(away, [tick], limit + AWAY_LIMIT)).toMatchObject({
    state: "lost",
    outcome: { code: "no-report", reported: false },
  });
});

test("R67: a host that is connected past the deadline is asked, and is lost only if it does not answer", () => {
  const limit = NOW + OPS.switch.deadline + REPORT_GRACE;
  const slow = feed(running(), [tickConnected], limit);
  const asked = advance(slow, tickConnected, limit);
  expect(asked).toMatchObject({ run: { state: "running", inquiry: { kind: "asked" } }, effects: ["askHost"] });
  expect(feed(asked.run, [tickConnected], limit + ANSWER_LIMIT - 1).state).toBe("running");
  expect(feed(asked.run, [tickConnected], limit + ANSWER_LIMIT)).toMatchObject({ state: "lost", outcome: { code: "no-report" } });
  expect(feed(asked.run, [answer(null)], limit)).toMatchObject({ state: "lost", outcome: { code: "state-lost" } });

  const atWork = feed(asked.run, [answer({ state: "active" })], limit + 1);
  expect(atWork).toMatchObject({ state: "running", inquiry: { kind: "active" } });
  const again = advance(atWork, tickConnected, dueAt(atWork) ?? 0);
  expect(again).toMatchObject({ run: { state: "running" }, effects: ["askHost"] });
});

test("R67: a dashboard that was away past the deadline of a run concludes nothing from it: the host reports, and that is its end", () => {
  const back = NOW + OPS.switch.deadline + 5 * HOUR;
  const waiting = feed(feed(running(), [{ kind: "linkDown" }]), [tick, tick, tick], back);
  expect(waiting.state).toBe("running");
  expect(feed(waiting, [up("finished"), failed], back)).toMatchObject({ state: "failed", outcome: { reported: true } });
});

test("R67: the end that is told beside the events ends a run; a success is held against the facts all the same", () => {
  const end = (outcome: Outcome, facts: KnownFacts = {}): RunSignal => ({
    kind: "linkUp",
    held: { state: "finished", ended: { outcome, at: NOW, facts } },
  });
  const killed = { state: "failed", code: "runner-killed", reason: "It was killed." } as const;
  expect(feed(running(), [end(killed)])).toMatchObject({ state: "failed", outcome: { code: "runner-killed", reported: true } });
  expect(feed(starting(), [end(killed)])).toMatchObject({ state: "failed", outcome: { code: "runner-killed", reported: true } });
  const work = feed(running(), [deployed]);
  expect(feed(work, [end({ state: "succeeded" }, runs(CLOSURE, NOW))]).state).toBe("succeeded");
  expect(feed(work, [end({ state: "succeeded" }, runs(OTHER_CLOSURE, NOW))]).state).toBe("failed");
  expect(feed(work, [end({ state: "succeeded" })])).toMatchObject({ stage: "proving" });
  expect(feed(work, [answer({ state: "finished", unclear: "Its record is damaged." })])).toMatchObject({
    state: "lost",
    outcome: { code: "state-lost" },
  });
});

test("R67: a lost run is taken back by good news: it is active again, with its secret, its phases and its start", () => {
  const work = feed(running(), [report({ kind: "phase", phase: "build" })]);
  const lost = feed(work, [up(null), answer(null)], NOW + 10);
  expect(lost).toMatchObject({ state: "lost", confirmSecret: "s", phases: [{ endedAt: NOW + 10 }] });
  const news: RunSignal[] = [up("active"), answer({ state: "active" }), started];
  for (const each of news) {
    const back = advance(lost, each, NOW + 20);
    expect(back).toMatchObject({ run: { state: "running", confirmSecret: "s", phases: [{ phase: "build", endedAt: null }] } });
    expect(back.effects).toEqual([]);
  }
  expect(feed(lost, [failed])).toMatchObject({ state: "failed", outcome: { reported: true } });
});

test("R67: only what a person has cancelled is cancelled on a host that still has it", () => {
  const gaveUp = feed(running(), [up(null), answer(null)]);
  expect(advance(gaveUp, up("active"), NOW).effects).toEqual([]);
  const done = feed(running(), [failed]);
  expect(advance(done, up("active"), NOW)).toEqual({ run: done, effects: [] });
  const cancelled = feed(running(), [{ kind: "cancel", by: "ada" }, up(null), answer(null)]);
  expect(advance(cancelled, up("active"), NOW).effects).toEqual(["sendCancel"]);
  const before = feed(starting(), [{ kind: "cancel", by: "ada" }, up(null)]);
  expect(before.state).toBe("cancelled");
  expect(advance(before, up("active"), NOW).effects).toEqual(["sendCancel"]);
});

test("R67: a run that waits here and is on its host, as after a backup was put back, is taken over with its secret", () => {
  expect(feed(aRun(), [up("active")])).toMatchObject({ state: "queued" });
  expect(feed(aRun(), [answer({ state: "active", confirmSecret: "s" }), started])).toMatchObject({
    state: "running",
    confirmSecret: "s",
    reopened: true,
  });
});

test("R67: a start that is older than its deadline is not sent again: the host may have forgotten that it did it", () => {
  const late = NOW + OPS.switch.deadline + REPORT_GRACE;
  expect(advance(starting(), up(null), late - 1).effects).toEqual(["sendStart"]);
  expect(advance(starting(), up(null), late).effects).toEqual(["askHost"]);
});

test("R67: while the host is away, the proof of a success is waited for", () => {
  const waiting = feed(feed(running(), [deployed]), [ended({ state: "succeeded" })]);
  const away = feed(waiting, [{ kind: "linkDown" }, tick], NOW + PROOF_LIMIT);
  expect(away.state).toBe("running");
  const back = feed(away, [up(null)], NOW + HOUR);
  expect(dueAt(back)).toBe(NOW + HOUR + PROOF_LIMIT);
  expect(feed(back, [{ kind: "facts", facts: runs(CLOSURE, NOW) }]).state).toBe("succeeded");
  expect(feed(away, [tick], NOW + PROOF_LIMIT + AWAY_LIMIT).state).toBe("failed");
});

test("L11: a start that did not reach the host is sent again at its next hello; one that nobody wants any more is cancelled instead", () => {
  expect(advance(starting(), up(null), NOW).effects).toEqual(["sendStart"]);
  expect(advance(starting(), up("queued"), NOW).effects).toEqual([]);
  const cancelled = feed(starting(), [{ kind: "linkDown" }, { kind: "cancel", by: "ada" }]);
  expect(cancelled).toMatchObject({ state: "starting", cancel: { by: "ada" } });
  expect(feed(cancelled, [up(null)])).toMatchObject({ state: "cancelled" });
  expect(advance(cancelled, up("active"), NOW).effects).toEqual(["sendCancel"]);
});

test("L11: R67: a host that does not list a running run is asked, and is believed that it has nothing of it", () => {
  const asked = advance(running(), up(null), NOW);
  expect(asked).toMatchObject({ run: { state: "running", inquiry: { kind: "asked", at: NOW } }, effects: ["askHost"] });
  expect(feed(asked.run, [answer(null)])).toMatchObject({ state: "lost", outcome: { code: "state-lost" } });
  expect(feed(asked.run, [tickConnected], NOW + ANSWER_LIMIT)).toMatchObject({ state: "lost", outcome: { code: "no-report" } });
  expect(feed(asked.run, [{ kind: "linkDown" }, tick], NOW + ANSWER_LIMIT).state).toBe("running");
});

test("E6: E11: R12: a repeated or late terminal report changes nothing but what is told of it", () => {
  const done = feed(running(), [failed]);
  expect(feed(done, [ended({ state: "succeeded" }), failed, started, { kind: "cancel", by: "ada" }, tick])).toBe(done);

  const gone = feed(starting(), [{ kind: "cancel", by: "ada" }, up(null)]);
  expect(gone.state).toBe("cancelled");
  const told = feed(gone, [failed]);
  expect(told).toMatchObject({ state: "cancelled", lateReport: "The host reported that it failed: hello does not build" });
  expect(feed(told, [ended({ state: "succeeded" })])).toBe(told);
});

test("R15: a run of hours is at work until its deadline; half of it informs, only the deadline ends", () => {
  const long = feed(aRun("switch", { deadline: 6 * HOUR }), [{ kind: "dispatch", confirmSecret: "s" }, started]);
  const early = feed(long, [tick], NOW + 3 * HOUR - 1);
  expect(early).toBe(long);
  expect(dueAt(long)).toBe(NOW + 3 * HOUR);
  const slow = feed(long, [tick], NOW + 3 * HOUR);
  expect(slow).toMatchObject({ state: "running", slow: true });
  expect(feed(slow, [tick], NOW + 6 * HOUR)).toBe(slow);
  const late = feed(slow, [tickConnected], NOW + 6 * HOUR + REPORT_GRACE);
  expect(feed(late, [answer({ state: "finished", unclear: "no" })]).state).toBe("lost");
});

test("E9: R22: facts read at or after the end by the host's own clock decide; older ones do not, whenever they arrive", () => {
  const hostTime = NOW - 5 * HOUR; // A clock that is wrong is wrong for both.
  const work = feed(running(), [deployed]);
  const waiting = feed(work, [ended({ state: "succeeded" }, hostTime, runs(OTHER_CLOSURE, hostTime - 1))]);
  expect(waiting.state).toBe("running");
  expect(feed(waiting, [{ kind: "facts", facts: runs(OTHER_CLOSURE, hostTime - 1) }]).state).toBe("running");
  expect(feed(waiting, [up(null)]).state).toBe("running");
  expect(feed(waiting, [{ kind: "facts", facts: runs(CLOSURE, hostTime) }]).state).toBe("succeeded");
  expect(feed(waiting, [{ kind: "facts", facts: runs(OTHER_CLOSURE, hostTime + 1) }])).toMatchObject({
    state: "failed",
    outcome: { code: "post-check-failed", reason: expect.stringContaining(OTHER_CLOSURE) },
  });
  expect(feed(waiting, [tickConnected], NOW + PROOF_LIMIT)).toMatchObject({
    state: "failed",
    outcome: { code: "post-check-failed" },
  });
});

test("R22: the proof that a run's last event brings decides, though it was read a moment before that event was written", () => {
  const atWork = feed(running(), [deployed]);
  const proof = { readAt: NOW - 5, facts: {} };
  const finished = report({ kind: "finished", outcome: { state: "succeeded" }, proof }, NOW, runs(CLOSURE, NOW - 5));
  expect(feed(atWork, [finished]).state).toBe("succeeded");
  const stale = report({ kind: "finished", outcome: { state: "succeeded" }, proof }, NOW, runs(CLOSURE, NOW - 6));
  expect(feed(atWork, [stale]).state).toBe("running");
});

test("R22: a run whose proof comes after its last event ends with the reason that this event gave", () => {
  const atWork = feed(aRun("pull"), [{ kind: "dispatch", confirmSecret: "s" }, started]);
  const waiting = feed(atWork, [ended({ state: "succeeded", reason: "The clone was at this commit before." })]);
  expect(waiting).toMatchObject({ stage: "proving", state: "running" });
  const facts = { clone: { value: { commit: COMMIT, branch: "main" }, readAt: NOW } };
  expect(feed(waiting, [{ kind: "facts", facts }])).toMatchObject({
    state: "succeeded",
    outcome: { code: null, reason: "The clone was at this commit before.", reported: true },
  });
});

test("R12: what a host reports of a run that was given up is told in the host's words; of one that it had ended, nothing more", () => {
  const gone = feed(running(), [{ kind: "hostRemoved" }]);
  const late = (outcome: Outcome) => feed(gone, [ended(outcome)]);
  expect(late({ state: "succeeded", reason: "It was there already." })).toMatchObject({ lateReport: "It was there already." });
  expect(late({ state: "succeeded" })).toMatchObject({ lateReport: "The host reported that it succeeded." });
  const cancelled = feed(running(), [ended({ state: "cancelled", reason: "stopped" })]);
  expect(cancelled).toMatchObject({ outcome: { code: "cancelled-by-person", reason: "stopped", reported: true } });
  expect(feed(cancelled, [failed])).toBe(cancelled);
});

test("R22: a pull is met by the clone at its commit, a boot by the profile, and neither by anything else", () => {
  const pulled = (commit: string, readAt = NOW) => {
    const facts = { clone: { value: { commit, branch: "main" }, readAt } };
    return feed(aRun("pull"), [{ kind: "dispatch", confirmSecret: "s" }, started, ended({ state: "succeeded" }, NOW, facts)])
      .state;
  };
  expect([pulled(COMMIT), pulled(OTHER_COMMIT)]).toEqual(["succeeded", "failed"]);
  expect([pulled(COMMIT, NOW - 1), pulled(OTHER_COMMIT, NOW - 1)]).toEqual(["running", "running"]);

  const booted = (facts: KnownFacts) => {
    const deployment = { closure: CLOSURE, commit: COMMIT, runId: aRun().id, at: NOW, mode: "boot" as const };
    const work = feed(aRun("switch", { mode: "boot" }), [
      { kind: "dispatch", confirmSecret: "s" },
      started,
      report({ kind: "deployed", deployment }),
    ]);
    return feed(work, [ended({ state: "succeeded" }, NOW, facts)]).state;
  };
  expect(booted({ profile: { value: { closure: CLOSURE }, readAt: NOW }, ...runs(OTHER_CLOSURE, NOW) })).toBe("succeeded");
  expect(booted({ profile: { value: { closure: OTHER_CLOSURE }, readAt: NOW } })).toBe("failed");
});

test("E10: R45: a switch that names no activation cannot succeed, whatever the host says", () => {
  expect(feed(running(), [ended({ state: "succeeded" }, NOW, runs(CLOSURE, NOW))])).toMatchObject({
    state: "failed",
    outcome: { code: "post-check-failed", reason: "The host reported no activation." },
  });
});

const inputs: fc.Arbitrary<RunSignal> = fc.oneof(
  fc.constant<RunSignal>({ kind: "dispatch", confirmSecret: "s" }),
  fc.constantFrom<RunSignal>(
    { kind: "blocked", reason: "host-busy" },
    { kind: "blocked", reason: "host-offline" },
    { kind: "release" },
    { kind: "hostRemoved" },
  ),
  fc.constantFrom<RunSignal>(
    { kind: "refuse", by: "agent", code: "op-unknown", reason: "no" },
    { kind: "refuse", by: "dashboard", code: "already-current", reason: "no" },
  ),
  fc.constant<RunSignal>({ kind: "cancel", by: "ada" }),
  fc.constantFrom<RunSignal>(
    up(null),
    up("queued"),
    up("active"),
    up("finished"),
    { kind: "linkDown" },
    answer(null),
    answer({ state: "active" }),
    answer({ state: "finished", unclear: "no" }),
    answer({ state: "finished", ended: { outcome: { state: "succeeded" }, at: NOW, facts: {} } }),
  ),
  fc.constantFrom<RunSignal>(started, armed, deployed, report({ kind: "phase", phase: "build" }), failed),
  fc.constantFrom<RunSignal>(
    ended({ state: "succeeded" }, NOW, runs(CLOSURE, NOW)),
    ended({ state: "succeeded" }),
    ended({ state: "cancelled", reason: "stopped" }),
    ended({ state: "timed-out", code: "deadline-passed", reason: "too long" }),
  ),
  fc.constantFrom<RunSignal>({ kind: "facts", facts: runs(CLOSURE, NOW) }, { kind: "facts", facts: {} }),
  fc.constantFrom<RunSignal>(tick, tickConnected),
);
const history = fc.array(fc.tuple(inputs, fc.nat({ max: 4 * HOUR })), { maxLength: 40 });
const rank = (state: RunState) => (isTerminal(state) ? 3 : RunState.options.indexOf(state));

test("R11: R67: from any interleaving states only move forward, a terminal state but lost is final, and the host is idle within the bound", () => {
  fc.assert(
    fc.property(history, fc.constantFrom("switch" as const, "pull" as const, "test" as const), (steps, op) => {
      let run: Run = aRun(op);
      let now = NOW;
      for (const [input, pause] of steps) {
        now += pause;
        const next = advance(run, input, now);
        if (run.state !== "lost") expect(rank(next.run.state)).toBeGreaterThanOrEqual(rank(run.state));
        if (isTerminal(run.state) && run.state !== "lost") {
          expect({ ...next.run, lateReport: null }).toEqual({ ...run, lateReport: null });
          expect(next.effects).not.toContain("sendStart");
        }
        run = next.run;
      }
      // Nobody speaks any more: time alone must end it, each tick at the time that was asked for.
      const bounds = QUEUE_LIMIT + 2 * run.deadline + 2 * REPORT_GRACE + 2 * ANSWER_LIMIT + PROOF_LIMIT + 2 * AWAY_LIMIT;
      const limit = run.createdAt + now - NOW + bounds;
      for (let due = dueAt(run); due !== null; due = dueAt(run)) {
        now = Math.max(now, due);
        const next = advance(run, tick, now).run;
        expect(next).not.toBe(run);
        run = next;
      }
      expect(isTerminal(run.state)).toBe(true);
      expect(now).toBeLessThanOrEqual(limit);
      expect(phasesOf(run).every((phase) => phase.endedAt !== null)).toBe(true);
      // Of an armed switch and the secret for its confirmation nothing is left.
      expect(run).not.toHaveProperty("armed");
      if (run.state !== "lost" && "confirmSecret" in run) expect(run.confirmSecret).toBeNull();
      expect(run).toHaveProperty("outcome");
    }),
    { numRuns: 3000 },
  );
});

test("a held run is not given up for waiting, and is held no more when its time comes or it is released", () => {
  const hold = { by: "window", reason: "Waits for its maintenance window.", until: NOW + 30 * 24 * HOUR } as const;
  const held: Run = { ...aRun(), hold };
  expect(dueAt(held)).toBe(hold.until);
  expect(feed(held, [tick], NOW + QUEUE_LIMIT + HOUR)).toBe(held);
  expect(feed(held, [tick], hold.until)).toMatchObject({ state: "queued", hold: null });
  expect(feed(held, [{ kind: "release" }])).toMatchObject({ state: "queued", hold: null });
  const forever: Run = { ...aRun(), hold: { by: "hold", reason: "Held by ada.", until: null } };
  expect(dueAt(forever)).toBeNull();
  expect(feed(forever, [{ kind: "cancel", by: "ada" }])).toMatchObject({ state: "cancelled" });
});

test("a run of a host that is removed ends: cancelled if it waits, lost if the host may be at it", () => {
  expect(feed(aRun(), [{ kind: "hostRemoved" }])).toMatchObject({ state: "cancelled", outcome: { code: "host-removed" } });
  expect(feed(running(), [{ kind: "hostRemoved" }])).toMatchObject({ state: "lost", outcome: { code: "host-removed" } });
});

test("E13: an armed switch says so until it is deployed or ends", () => {
  const waiting = feed(running(), [armed]);
  expect(waiting).toHaveProperty("armed", { until: NOW + 120_000, back: OTHER_CLOSURE });
  expect(feed(waiting, [deployed])).toHaveProperty("armed", null);
  expect(feed(waiting, [failed])).not.toHaveProperty("armed");
});

test("E14: R37: a run that was rolled back keeps its reason and the closure that came back, and nothing deployed", () => {
  const outcome = { state: "rolled-back", code: "not-confirmed", reason: "Nobody confirmed it." } as const;
  expect(feed(running(), [armed, ended(outcome)])).toMatchObject({
    state: "rolled-back",
    deployed: null,
    outcome: { code: "not-confirmed", reason: "Nobody confirmed it.", back: OTHER_CLOSURE, reported: true },
  });
});

test("L22: a run gets its secret when it is sent, keeps it when it is sent again, and has none afterwards", () => {
  expect(aRun()).not.toHaveProperty("confirmSecret");
  expect(advance(starting(), up(null), NOW)).toMatchObject({
    effects: ["sendStart"],
    run: { confirmSecret: "s" },
  });
  expect(feed(running(), [failed])).toHaveProperty("confirmSecret", null);
});

/** A rollback or a bound switch that has activated a closure and runs it. */
function activated(request: OpRequest, closure: string, generations: Facts["generations"] = []) {
  const run = { ...aRun(), request, commit: request.op === "switch" ? COMMIT : null };
  const deployment = {
    closure,
    commit: run.commit,
    runId: run.id,
    at: NOW,
    generation: 9,
    mode: "switch" as const,
  };
  const facts: KnownFacts = { ...runs(closure, NOW), generations: { value: generations, readAt: NOW } };
  return feed(run, [
    { kind: "dispatch", confirmSecret: "s" },
    started,
    report({ kind: "deployed", deployment }),
    ended({ state: "succeeded" }, NOW, facts),
  ]);
}
const generation = (number: number, closure: string) => ({ number, at: NOW, closure, current: false });

test("R34: a rollback has met its goal only if it runs the closure of the generation that was chosen by its number", () => {
  const rollback = { op: "rollback", args: { generation: 10 } } as const;
  const listed = [generation(9, OTHER_CLOSURE), generation(10, CLOSURE)];
  expect(activated(rollback, CLOSURE, listed)).toMatchObject({ state: "succeeded", deployed: { commit: null } });
  expect(activated(rollback, OTHER_CLOSURE, listed)).toMatchObject({
    state: "failed",
    outcome: { code: "post-check-failed", reason: expect.stringContaining("instead of generation 10") },
  });
  // One that is not listed any more proves nothing against it.
  expect(activated(rollback, CLOSURE, [])).toMatchObject({ state: "succeeded" });
});

test("R45: a switch that is bound to what a preview showed has met its goal only with this very closure", () => {
  const bound = { op: "switch", args: { mode: "switch", commit: COMMIT, closure: CLOSURE } } as const;
  expect(activated(bound, CLOSURE)).toMatchObject({ state: "succeeded" });
  expect(activated(bound, OTHER_CLOSURE)).toMatchObject({ state: "failed", outcome: { code: "post-check-failed" } });
});

test("R1: whatever is repeated on the wire, a start goes out only while the host has not reported it", () => {
  fc.assert(
    fc.property(history, (steps) => {
      let run: Run = aRun();
      let now = NOW;
      for (const [input, pause] of steps) {
        now += pause;
        const before = run.state;
        const next = advance(run, input, now);
        if (next.effects.includes("sendStart")) {
          expect(["queued", "starting"]).toContain(before);
          if (input.kind === "linkUp") expect(input.held).toBeNull();
        }
        run = next.run;
      }
    }),
    { numRuns: 500 },
  );
});
