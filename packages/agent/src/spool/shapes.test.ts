import { expect, test } from "vitest";
import type * as z from "zod";
import { ArmedDeadman, ArmedRecord } from "./armed-deadman.ts";
import { AcknowledgedSeqs, DaemonStatus, RequestRecord, RunOutcome, RunProcess, UndoRecord } from "./shapes.ts";

const runId = "01jd0000000000000000000001";
const path = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";
const processId = { pid: 1, startTime: "1", bootId: "this" };
const text = (length: number) => "x".repeat(length);
const list = <T>(length: number, item: T): T[] => Array.from({ length }, () => item);

/** What both formats of an armed dead-man switch have. */
const armed = {
  runId,
  armedAt: 0,
  until: 0,
  back: path,
  profile: null,
  failedUnits: list(500, text(256)),
  asks: "confirm",
  host: { platform: "nixos", hostname: text(255), systemRoot: text(4000), env: { PATH: text(10_000) } },
  activation: { closure: path, commit: null, mode: "switch", unit: null },
  restarted: true,
  timer: text(200),
  undo: list(10, {
    launcher: list(100, text(4000)),
    argv: list(100, text(4000)),
    env: { PATH: text(10_000) },
    unit: text(200),
  }),
};

const beyondArmed: [string, unknown][] = [
  ["failedUnits", [text(257)]],
  ["failedUnits", list(501, "x")],
  ["host.hostname", text(256)],
  ["host.systemRoot", text(4001)],
  ["host.env", { PATH: text(10_001) }],
  ["restarted", false],
  ["timer", text(201)],
  ["undo", []],
  ["undo", list(11, { launcher: [], argv: ["x"], env: {}, unit: null })],
  ["undo.0.launcher", [text(4001)]],
  ["undo.0.launcher", list(101, "x")],
  ["undo.0.argv", [text(4001)]],
  ["undo.0.argv", list(101, "x")],
  ["undo.0.argv", []],
  ["undo.0.env", { PATH: text(10_001) }],
  ["undo.0.unit", text(201)],
];

/** The largest file of each shape, then parts of it that are too large or too small: by their path, what is put there. */
const FILES: Record<string, { schema: z.ZodType; largest: object; beyond: [string, unknown][] }> = {
  "a request": {
    schema: RequestRecord,
    largest: {
      runId,
      op: text(40),
      args: { [text(40)]: "anything" },
      commit: null,
      deadline: 604_800_000,
      askedBy: text(100),
      force: true,
      receivedAt: 0,
      confirmSecret: text(200),
      byHand: true,
    },
    beyond: [
      ["op", text(41)],
      ["args", { [text(41)]: 1 }],
      ["deadline", 604_800_001],
      ["deadline", 999],
      ["askedBy", text(101)],
      ["confirmSecret", text(201)],
      ["byHand", false],
      ["more", 1],
    ],
  },
  "the shortest request": {
    schema: RequestRecord,
    largest: { runId, op: "", args: {}, commit: null, deadline: 1000, askedBy: "", force: false, receivedAt: 0 },
    beyond: [],
  },
  "what the dashboard has stored": {
    schema: AcknowledgedSeqs,
    largest: { runs: { [runId]: 0 } },
    beyond: [["runs", { [runId]: -1 }]],
  },
  "the daemon that acts": {
    schema: DaemonStatus,
    largest: { instance: text(200), process: processId, startedAt: 0, connectedAt: null },
    beyond: [
      ["instance", text(201)],
      ["instance", ""],
    ],
  },
  "an outcome": {
    schema: RunOutcome,
    largest: { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 0 },
    beyond: [["lastSeq", 0]],
  },
  "what runs": {
    schema: RunProcess,
    largest: {
      runner: processId,
      startedAt: 0,
      deadlineAt: 0,
      child: null,
      activation: { closure: path, commit: null, mode: "boot", unit: text(200) },
    },
    beyond: [["activation.unit", text(201)]],
  },
  "the dead-man switch, as it was written first,": {
    schema: ArmedRecord,
    largest: { ...armed, bootId: text(100) },
    beyond: [...beyondArmed, ["bootId", text(101)]],
  },
  "the dead-man switch": {
    schema: ArmedDeadman,
    largest: {
      ...armed,
      format: 2,
      armedIn: text(100),
      window: 0,
      windows: 1,
      timers: 1,
      dueAt: null,
      stage: "permanent",
      excepted: [text(300)],
      ignoredUnits: list(500, text(256)),
      undo: armed.undo.map((step) => ({ ...step, kind: "boot-entry" })),
    },
    beyond: [
      ...beyondArmed,
      ["format", 3],
      ["armedIn", text(101)],
      ["window", -1],
      ["windows", 0],
      ["timers", 0],
      ["dueAt", -1],
      ["stage", "begun"],
      ["excepted", [text(301)]],
      ["ignoredUnits", list(501, "x")],
      ["undo.0.kind", "reboot"],
    ],
  },
  "an undo": {
    schema: UndoRecord,
    largest: {
      why: "timer",
      startedAt: 0,
      endedAt: null,
      cause: { code: "not-confirmed", reason: text(2000) },
      back: path,
      child: null,
      exitCodes: list(10, null),
      running: null,
      left: text(2000),
    },
    beyond: [
      ["cause.reason", text(2001)],
      ["exitCodes", list(11, 0)],
      ["left", text(2001)],
    ],
  },
};

/** A copy with something else in one place. */
function withChange(from: object, at: string, value: unknown): unknown {
  const copy = structuredClone(from) as Record<string, never>;
  const keys = at.split(".");
  const last = keys.pop() ?? "";
  let place: Record<string, unknown> = copy;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  place[last] = value;
  return copy;
}

test.each(Object.entries(FILES))(
  "S16: of %s the largest that there can be is taken, and nothing beyond that",
  (_, { schema, largest, beyond }) => {
    expect(schema.safeParse(largest).error).toBeUndefined();
    for (const [at, value] of beyond)
      expect(schema.safeParse(withChange(largest, at, value)).success, `${at}: ${JSON.stringify(value).slice(0, 60)}`).toBe(
        false,
      );
  },
);
