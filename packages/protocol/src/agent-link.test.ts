import fc from "fast-check";
import { expect, test } from "vitest";
import {
  FROM_AGENT_TYPES,
  FROM_DASHBOARD_TYPES,
  type FromAgent,
  type FromDashboard,
  readFromAgent,
  readFromDashboard,
} from "./index.ts";

const RUN = "01j00000000000000000000001";
const HOST = "01j00000000000000000000000";
const reading = { readAt: 5, facts: { kernel: "Linux 6.18", cores: 4 } };

const fromAgent = {
  hello: {
    type: "hello",
    protocol: 1,
    hostname: "alpha",
    instance: "boot-1-42",
    policy: { allowedOps: ["pull"], allowRewind: false, signed: true, confirmTimeout: 120 },
    settings: {
      tags: ["web"],
      location: "",
      deviceType: "server",
      themeColor: "#112233",
      interval: 5,
      repoUrl: "https://git.example/c",
      branch: "main",
    },
    facts: reading,
    runs: [{ runId: RUN, state: "active", lastSeq: 3 }],
  },
  facts: { type: "facts", reading },
  metrics: { type: "metrics", metrics: { at: 5, cpu: 0, load: 0, memory: { used: 0, total: 1 } } },
  runEvents: { type: "runEvents", runId: RUN, events: [{ seq: 1, at: 5, kind: "started", agentVersion: "1" }] },
  runRefused: { type: "runRefused", runId: RUN, code: "no-clone", reason: "Pull first." },
  runReport: {
    type: "runReport",
    runId: RUN,
    held: {
      state: "finished",
      lastSeq: 3,
      writers: [{ id: "a".repeat(32), afterSeq: 0 }],
      outcome: { state: "succeeded" },
      endedAt: 5,
      request: { op: "pull", args: {}, commit: null, deadline: 60_000, askedBy: "ada", force: false, receivedAt: 5 },
    },
    fault: "gone",
  },
  pong: { type: "pong", nonce: "n" },
} satisfies Record<FromAgent["type"], object>;
const fromDashboard = {
  welcome: { type: "welcome", hostId: HOST, serverTime: 5, runs: [{ runId: RUN, storedSeq: 0, known: false }] },
  ack: { type: "ack", runId: RUN, storedSeq: 7 },
  startRun: {
    type: "startRun",
    runId: RUN,
    op: "pull",
    args: {},
    commit: null,
    deadline: 60_000,
    askedBy: "ada",
    force: false,
    confirmSecret: "s".repeat(43),
  },
  cancelRun: { type: "cancelRun", runId: RUN, by: "ada" },
  reportRun: { type: "reportRun", runId: RUN, fromSeq: 1 },
  watch: { type: "watch", on: true },
  ping: { type: "ping", nonce: "n" },
  goodbye: { type: "goodbye", code: "revoked", reason: "gone", comeBackAfter: null },
} satisfies Record<FromDashboard["type"], object>;

test("every message of either side is read as it was written", () => {
  expect(Object.keys(fromAgent)).toEqual(FROM_AGENT_TYPES);
  expect(Object.keys(fromDashboard)).toEqual(FROM_DASHBOARD_TYPES);
  for (const message of Object.values(fromAgent)) {
    expect(readFromAgent(JSON.stringify(message))).toEqual({ kind: "message", message });
  }
  for (const message of Object.values(fromDashboard)) {
    expect(readFromDashboard(JSON.stringify(message))).toEqual({ kind: "message", message });
  }
});

test("L6: unknown types are told as such, unknown fields vanish", () => {
  expect(readFromAgent('{"type":"weather"}')).toEqual({ kind: "unknown", type: "weather" });
  expect(readFromAgent('{"type":"welcome"}')).toEqual({ kind: "unknown", type: "welcome" });
  expect(readFromAgent('{"type":"constructor"}')).toEqual({ kind: "unknown", type: "constructor" });
  const more = JSON.stringify({ ...fromAgent.metrics, mood: "fine", metrics: { at: 5, humidity: 1 } });
  expect(readFromAgent(more)).toEqual({ kind: "message", message: { type: "metrics", metrics: { at: 5 } } });
});

test("L7: the reason of a fault begins with its path and is short", () => {
  const fault = (message: object) => {
    const read = readFromAgent(JSON.stringify(message));
    return read.kind === "invalid" ? read.reason : read.kind;
  };
  expect(fault({ ...fromAgent.facts, reading: { readAt: "now", facts: {} } })).toMatch(/^facts\.reading\.readAt: /);
  expect(fault({ ...fromAgent.runEvents, events: [{ seq: 0, at: 5, kind: "started", agentVersion: "1" }] })).toMatch(
    /^runEvents\.events\.0\.seq: /,
  );
  expect(fault({ ...fromAgent.runEvents, runId: "../../etc" })).toMatch(/^runEvents\.runId: /);
  expect(fault({ ...fromAgent.hello, hostname: "<script>" })).toMatch(/^hello\.hostname: /);
  expect(fault({})).toBe("The message has no type.");
  expect(readFromAgent("{")).toMatchObject({ kind: "invalid", reason: expect.stringContaining("not JSON") });
});

/** Half characters included. (fast-check's own "binary" first builds a table of all of Unicode, for seconds.) */
const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));

test("R38: whatever text comes, reading it never throws and says what it is in less than 600 characters", () => {
  const hostile = fc.oneof(
    fc.string({ unit: codePoint }),
    fc.json(),
    fc
      .tuple(fc.constantFrom(...Object.values(fromAgent), ...Object.values(fromDashboard)), fc.string(), fc.jsonValue())
      .chain(([message, extra, value]) =>
        fc.constantFrom(...Object.keys(message), extra).map((key) => JSON.stringify({ ...message, [key]: value })),
      ),
    fc.constantFrom(
      "[".repeat(20_000),
      `"${"x".repeat(20_000)}"`,
      '{"type":"__proto__"}',
      '{"__proto__":{"type":"hello"}}',
      "\ufeff{}",
    ),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      for (const read of [readFromAgent(text), readFromDashboard(text)]) {
        expect(["message", "unknown", "invalid"]).toContain(read.kind);
        if (read.kind === "invalid") expect(read.reason.length).toBeLessThan(600);
      }
    }),
    { numRuns: 200 },
  );
});

test("L22: a secret that could not stand in a header is no message; a start without one, of an older dashboard, is", () => {
  const start = fromDashboard.startRun;
  for (const confirmSecret of ["short", `${"s".repeat(40)}\r\nX: y`, "s".repeat(201), "ä".repeat(40)]) {
    expect(readFromDashboard(JSON.stringify({ ...start, confirmSecret }))).toMatchObject({ kind: "invalid" });
  }
  const { confirmSecret: _, ...older } = start;
  expect(readFromDashboard(JSON.stringify(older))).toEqual({ kind: "message", message: older });
});

test("R35: the hello of an older agent, which knows of no signatures and no dead-man switch, is read as having neither", () => {
  const older = { ...fromAgent.hello, policy: { allowedOps: ["pull"], allowRewind: false } };
  expect(readFromAgent(JSON.stringify(older))).toMatchObject({
    kind: "message",
    message: { policy: { signed: false, confirmTimeout: 0 } },
  });
});

test("R35: the hello of an older agent, which names the branch that it follows in its clone alone, is read without one", () => {
  const { branch: _, ...settings } = fromAgent.hello.settings;
  const older = { ...fromAgent.hello, settings };
  expect(readFromAgent(JSON.stringify(older))).toEqual({ kind: "message", message: older });
});

test("R24: zero is a measured zero, and what is absent stays absent", () => {
  const read = readFromAgent('{"type":"metrics","metrics":{"at":0,"cpu":0,"load":0,"swap":{"used":0,"total":0}}}');
  expect(read).toEqual({
    kind: "message",
    message: { type: "metrics", metrics: { at: 0, cpu: 0, load: 0, swap: { used: 0, total: 0 } } },
  });
});

test("R50: control characters and bidirectional overrides of a host's texts become harmless", () => {
  const read = readFromAgent(JSON.stringify({ ...fromAgent.runRefused, reason: "a\u001b[31mb\u202ec\nd" }));
  expect(read).toMatchObject({ kind: "message", message: { reason: "a\ufffd[31mb\ufffdc d" } });
});

test("L6: a code that an older side does not know becomes the general one, and its reason stays", () => {
  const outcome = (more: object) => {
    const event = { seq: 1, at: 5, kind: "finished", outcome: { reason: "Too damp.", ...more } };
    const read = readFromAgent(JSON.stringify({ type: "runEvents", runId: RUN, events: [event] }));
    return read.kind === "message" ? read.message : read;
  };
  expect(outcome({ state: "failed", code: "mold" })).toMatchObject({
    events: [{ outcome: { state: "failed", code: "internal", reason: "Too damp." } }],
  });
  expect(outcome({ state: "refused", code: "mold" })).toMatchObject({
    events: [{ outcome: { state: "refused", code: "refused-by-host", reason: "Too damp." } }],
  });
  expect(readFromAgent(JSON.stringify({ ...fromAgent.runRefused, code: "mold" }))).toMatchObject({
    message: { code: "refused-by-host", reason: "Pull first." },
  });
  const problem = { code: "mold", message: "Damp.", at: 5 };
  const facts = { ...reading, facts: { clone: { commit: null, branch: "main", problem } } };
  expect(readFromAgent(JSON.stringify({ type: "facts", reading: facts }))).not.toMatchObject({ kind: "invalid" });
});
