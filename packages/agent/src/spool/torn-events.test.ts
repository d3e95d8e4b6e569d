import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { repairEvents } from "./torn-events.ts";

async function createPath() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  return join(dir.path, "events.jsonl");
}
/** A log event of about a mebibyte. */
const longLineOf = (seq: number) => {
  const lines = Array.from({ length: 20 }, () => ({ at: 1, stream: "build", text: "x".repeat(52_000) }));
  return `${JSON.stringify({ seq, at: 1, kind: "log", lines })}\n`;
};

test("S8: a repair keeps every whole event of a large spool, however the events lie over the pieces that are read", async () => {
  const path = await createPath();
  const whole = Array.from({ length: 5 }, (_, n) => longLineOf(n + 1)).join("");
  await writeFile(path, `${whole}{"seq":6,"at"`);
  expect(await repairEvents(path)).toMatchObject({ lastSeq: 5, last: { seq: 5 }, activationLines: 0 });
  expect((await readFile(path, "utf8")) === whole).toBe(true);
});

test("S8: a run without events has none to repair; events that cannot be opened are an error", async () => {
  const path = await createPath();
  expect(await repairEvents(path)).toEqual({
    lastSeq: 0,
    last: undefined,
    activationLines: 0,
    hasDeployed: false,
    armedBack: undefined,
    phase: undefined,
  });
  await mkdir(path);
  await expect(repairEvents(path)).rejects.toThrow("EISDIR");
});
