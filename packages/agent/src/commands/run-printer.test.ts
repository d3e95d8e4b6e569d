import { REFUSALS, type RefusalCode, type RunEventBody } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createRunPrinter, describeOutcome } from "./run-printer.ts";

function print(...bodies: (RunEventBody & { at?: number })[]): string {
  let text = "";
  const tell = createRunPrinter((part) => {
    text += part;
  });
  for (const [index, body] of bodies.entries()) tell({ seq: index + 1, at: 0, ...body });
  return text;
}

test("R50: nothing that a build prints acts in the terminal of who watches, and pieces of a line are one line", () => {
  const line = (text: string, more = {}) => ({ at: 0, stream: "build" as const, text, ...more });
  const lines = [line("\u001b[31mred\u001b[0m \u001b]0;title\u0007\r\u009b2J"), line("one ", { continues: true }), line("line")];
  expect(print({ kind: "log", lines }, { kind: "command", argv: ["nix", "\u001bc"] })).toBe(
    "red \ufffd\ufffd2J\none line\n$ nix \ufffdc\n",
  );
});

test("progress is reported from time to time, and in each phase again", () => {
  const progress = (done: number, at: number) => ({
    kind: "progress" as const,
    at,
    progress: {
      builds: { done, expected: 9, running: 1, failed: 0 },
      copies: { done: 0, expected: 0 },
      bytes: { done: 0, expected: 0 },
      now: [],
    },
  });
  const text = print(
    progress(1, 0),
    progress(2, 1000),
    progress(2, 2500),
    progress(2, 6000),
    { kind: "phase", phase: "build" },
    progress(3, 6100),
  );
  const nothing = { builds: { done: 0, expected: 0, running: 0, failed: 0 }, copies: { done: 0, expected: 0 } };
  expect(print({ kind: "progress", progress: { ...nothing, bytes: { done: 0, expected: 0 }, now: [] } })).toBe("");
  expect(text.match(/built \d/g)).toEqual(["built 1", "built 2", "built 3"]);
});

test("R37: a refusal that force skips names --force at the terminal, and never allowRewind, which restricts the dashboard alone", () => {
  const refused = (code: RefusalCode) => ({ state: "refused" as const, code, reason: "It is one" });
  for (const [code, { skippable, next }] of Object.entries(REFUSALS) as [RefusalCode, (typeof REFUSALS)[RefusalCode]][]) {
    const text = print({ kind: "finished", outcome: refused(code) });
    if (!skippable) expect(text).toBe(`refused (${code}): It is one. ${next}\n`);
    else expect([text.includes("--force"), text.includes("allowRewind")], text).toEqual([true, false]);
    // The last run of `status` may have been the dashboard's.
    expect(describeOutcome(refused(code))).toBe(`refused (${code}): It is one. ${next}`);
  }
});
