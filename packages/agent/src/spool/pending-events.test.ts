import type { LogLine, RunEventBody } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createPendingEvents, type PendingEvents } from "./pending-events.ts";

const lineOf = (text: string): LogLine => ({ at: 1, stream: "build", text });
const progressOf = (done: number): RunEventBody => ({
  kind: "progress",
  progress: {
    builds: { done, expected: 9, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  },
});
/** Of each event its kind, and the number of lines of a log or the text of a warning. */
const shapeOf = (pending: PendingEvents) =>
  pending
    .entries()
    .map(({ body }) => (body.kind === "log" ? body.lines.length : body.kind === "warning" ? body.message : body.kind));
const linesOf = (pending: PendingEvents) =>
  pending.entries().flatMap(({ body }) => (body.kind === "log" ? body.lines.map(({ text }) => text) : []));
const cut = (lines: number) => `The disk under the agent's state was full: ${lines} lines of output were cut here.`;

test("a log event takes two thousand lines, and the next line begins another", () => {
  const pending = createPendingEvents();
  for (let n = 0; n < 2000; n++) pending.addLine(lineOf(""));
  expect(shapeOf(pending)).toEqual([2000]);
  pending.addLine(lineOf(""));
  expect(shapeOf(pending)).toEqual([2000, 1]);
});

test("R8: a log event takes 64 Ki characters, 32 more for each line, and says that it is full with the last 4 Ki of them", () => {
  const pending = createPendingEvents();
  const size = 1024 - 32;
  const full = Array.from({ length: 64 }, () => pending.addLine(lineOf("x".repeat(size))));
  expect(full.indexOf(true)).toBe(60);
  expect(shapeOf(pending)).toEqual([64]);
  expect(pending.addLine(lineOf(""))).toBe(true);
  expect(shapeOf(pending)).toEqual([64, 1]);
  expect(pending.addLine(lineOf("x"))).toBe(false);
  expect(pending.addLine(lineOf("x".repeat(64 * 1024)))).toBe(true);
  expect(shapeOf(pending)).toEqual([64, 2, 1]);
});

test.each([
  [60 * 1024, false],
  [60 * 1024 + 1, true],
])("R8: a first line that counts as %i characters fills its event: %s", (size, isFull) => {
  expect(createPendingEvents().addLine(lineOf("x".repeat(size - 32)))).toBe(isFull);
});

test("lines come behind the event that was added before them, and an event behind its lines", () => {
  const pending = createPendingEvents();
  pending.addLine(lineOf("a"));
  pending.add(1, { kind: "phase", phase: "build" });
  pending.addLine(lineOf("b"));
  pending.addLine(lineOf("c"));
  expect(shapeOf(pending)).toEqual([1, "phase", 2]);
  // A log event that is given whole is no place for further lines.
  pending.add(1, { kind: "log", lines: [lineOf("d")] });
  pending.addLine(lineOf("e"));
  expect(shapeOf(pending)).toEqual([1, "phase", 2, 1, 1]);
  pending.drop(3);
  expect(linesOf(pending)).toEqual(["d", "e"]);
});

test("S17: of the lines that wait, the oldest are cut once there are 128 Ki characters, down to the latest 64 Ki, and a warning in their place counts them", () => {
  const pending = createPendingEvents();
  const text = (n: number) => `${n}`.padEnd(1024 - 32);
  pending.addLine(lineOf("first"));
  pending.drop(1);
  pending.add(1, { kind: "phase", phase: "build" });
  let next = 0;
  const add = (count: number) => {
    for (let n = 0; n < count; n++) pending.addLine(lineOf(text(next++)));
    pending.cut();
  };
  add(128);
  expect(linesOf(pending)).toHaveLength(128);
  add(1);
  expect(linesOf(pending)).toEqual(Array.from({ length: 64 }, (_, n) => text(n + 65)));
  expect(shapeOf(pending).slice(0, 2)).toEqual(["phase", cut(65)]);
  // The same warning counts on, and what is whole and given at once is not cut.
  pending.add(1, { kind: "log", lines: [lineOf("whole")] });
  add(65);
  expect(shapeOf(pending).slice(0, 2)).toEqual(["phase", cut(130)]);
  expect(linesOf(pending)).toHaveLength(65);
  expect(linesOf(pending)).toContain("whole");
  expect(linesOf(pending).at(-1)).toBe(text(193));
});

test("S17: what has got to the disk is not counted among what waits", () => {
  const pending = createPendingEvents();
  const text = "x".repeat(1024 - 32);
  for (let n = 0; n < 100; n++) pending.addLine(lineOf(text));
  expect(shapeOf(pending)).toEqual([64, 36]);
  pending.drop(1);
  for (let n = 0; n < 92; n++) pending.addLine(lineOf(text));
  pending.cut();
  expect(linesOf(pending)).toHaveLength(128);
  pending.drop(pending.entries().length);
  expect(pending.entries()).toEqual([]);
  for (let n = 0; n < 128; n++) pending.addLine(lineOf(text));
  pending.cut();
  expect(linesOf(pending)).toHaveLength(128);
});

test("S17: events that are no lines do not count, neither while they wait nor when they have got to the disk", () => {
  const pending = createPendingEvents();
  for (let n = 0; n < 100; n++) pending.add(1, { kind: "phase", phase: "build" });
  for (let n = 0; n < 128; n++) pending.addLine(lineOf("x".repeat(1024 - 32)));
  pending.cut();
  expect(linesOf(pending)).toHaveLength(128);
  pending.drop(100);
  pending.addLine(lineOf(""));
  pending.cut();
  expect(linesOf(pending)).toHaveLength(64);
});

test("S17: for the end of a run all lines can be cut, however few; other events stay, and of progress the latest", () => {
  const pending = createPendingEvents();
  pending.add(1, progressOf(1));
  pending.addLine(lineOf("a"));
  pending.addLine(lineOf("b"));
  pending.add(1, { kind: "phase", phase: "build" });
  pending.add(1, progressOf(2));
  pending.addLine(lineOf(""));
  pending.cut(0);
  expect(shapeOf(pending)).toEqual([cut(3), "phase", "progress"]);
  expect(pending.entries().at(-1)?.body).toEqual(progressOf(2));
  pending.cut(0);
  expect(shapeOf(pending)).toEqual([cut(3), "phase", "progress"]);
});

test("S17: after a cut an event takes as many lines as it has room for", () => {
  const pending = createPendingEvents();
  const text = "x".repeat(1024 - 32);
  for (let n = 0; n < 160; n++) pending.addLine(lineOf(text));
  pending.cut();
  const before = shapeOf(pending);
  expect(before).toEqual([cut(96), 32, 32]);
  for (let n = 0; n < 33; n++) pending.addLine(lineOf(text));
  expect(shapeOf(pending)).toEqual([cut(96), 32, 64, 1]);
});

test("S17: of a build that says nothing for hours, no more than a hundred progress events wait, and the latest is among them", () => {
  const pending = createPendingEvents();
  let most = 0;
  for (let n = 0; n < 1000; n++) {
    pending.add(1, progressOf(n));
    pending.cut();
    most = Math.max(most, pending.entries().length);
    if (n === 500) pending.drop(1);
  }
  expect(most).toBe(100);
  expect(pending.entries().at(-1)?.body).toEqual(progressOf(999));
});
