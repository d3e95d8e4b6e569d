import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Outcome, RunEventBody } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { describeFailure } from "./error-line.ts";

const log = (...texts: string[]): RunEventBody => ({
  kind: "log",
  lines: texts.map((text) => ({ at: 1, stream: "test", text })),
});
const tested = (number: number, outcome: "passed" | "failed"): RunEventBody => ({
  kind: "testResult",
  result: { script: `T${number}.sh`, outcome, milliseconds: 1, number, total: 3 },
});
const command: RunEventBody = { kind: "command", argv: ["x"] };

async function described(outcome: Outcome, bodies: readonly RunEventBody[]): Promise<Outcome> {
  await using dir = await createTempDir("error-line");
  const path = join(dir.path, "events.jsonl");
  await writeFile(path, bodies.map((body, index) => `${JSON.stringify({ seq: index + 1, at: 1, ...body })}\n`).join(""));
  return await describeFailure(outcome, path);
}

const failed = (firstError: string, code: "activation-failed" | "tests-failed" = "activation-failed"): Outcome => ({
  state: "failed",
  code,
  reason: "It failed.",
  firstError,
});

test("R71: the line of the first error is that of the program that failed, colours or not", async () => {
  const events = [
    command,
    log("one", "\u001b[31merror:\u001b[0m it is \u001b[1mover\u001b[0m"),
    command,
    log("three", "  error: it is over", "error: it is over"),
  ];
  expect(await described(failed("it is over"), events)).toEqual({ ...failed("it is over"), firstErrorLine: 4 });
  expect(await described(failed("never said"), events)).toEqual(failed("never said"));
});

test("R71: what an undo prints is not what failed", async () => {
  const events: RunEventBody[] = [
    { kind: "phase", phase: "activate" },
    log("begins", "cannot stat x"),
    { kind: "phase", phase: "undo" },
    log("cannot stat x"),
  ];
  expect(await described({ ...failed("cannot stat x"), state: "rolled-back" } as Outcome, events)).toMatchObject({
    firstErrorLine: 2,
  });
});

test("R71: of tests, the first one that did not pass", async () => {
  const events = [
    command,
    log("curl: (7) refused"),
    tested(1, "passed"),
    command,
    log("checking", "curl: (7) refused"),
    tested(2, "failed"),
    command,
    log("curl: (7) refused"),
    tested(3, "failed"),
  ];
  expect(await described(failed("curl: (7) refused", "tests-failed"), events)).toMatchObject({ firstErrorLine: 3 });
});

test("R71: a sentence that Nix says in two lines is found by the first, and a long error by what is told of it", async () => {
  const events = [command, log("error: Cannot build 'x.drv'.", "Reason: platform mismatch", "y".repeat(5000))];
  expect(await described(failed("Cannot build 'x.drv'. Reason: platform mismatch"), events)).toMatchObject({ firstErrorLine: 1 });
  expect(await described(failed(`${"y".repeat(1999)}…`), events)).toMatchObject({ firstErrorLine: 3 });
});

test("R71: a full boot partition is a full disk; a test that speaks of one is a test that failed", async () => {
  const text = "OSError: [Errno 28] No space left on device: '/boot/EFI/nixos/kernel.efi'";
  expect(await described(failed(text), [log(text)])).toMatchObject({ code: "disk-full", firstErrorLine: 1 });
  expect(await described(failed(text, "tests-failed"), [log(text)])).toMatchObject({ code: "tests-failed" });
});

test("R71: a run that succeeded, was cancelled or refused tells no error", async () => {
  for (const outcome of [{ state: "succeeded" }, { state: "cancelled", reason: "x" }] satisfies Outcome[]) {
    expect(await described(outcome, [log("error: x")])).toEqual(outcome);
  }
});
