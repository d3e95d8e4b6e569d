import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runProgram } from "./program.ts";

const never = new AbortController().signal;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-program-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a program's exit code and output are told", async () => {
  const end = await runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"], { cwd: "/", limit: 60_000, signal: never });
  expect(end).toMatchObject({ kind: "exited", code: 3 });
});

test("a program that takes too long is ended", async () => {
  const end = await runProgram(["sh", "-c", "sleep 1000"], { cwd: "/", limit: 100, signal: never });
  expect(end).toEqual({ kind: "timed-out" });
});

test("an abort ends a program with all that it has started, and nothing is begun afterwards", async () => {
  const cwd = temporaryFolder();
  const abort = new AbortController();
  const options = { cwd, limit: 60_000, signal: abort.signal };
  const running = runProgram(["sh", "-c", "sleep 1000 & echo $! >pid; mv pid sleep; wait"], options);
  await expect.poll(() => existsSync(join(cwd, "sleep"))).toBe(true);
  abort.abort();
  expect(await running).toEqual({ kind: "aborted" });
  const started = Number(readFileSync(join(cwd, "sleep"), "utf8"));
  await expect.poll(() => isRunning(started)).toBe(false);
  expect(await runProgram(["rm", "sleep"], options)).toEqual({ kind: "aborted" });
  expect(existsSync(join(cwd, "sleep"))).toBe(true);
});

function isRunning(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !/^State:\s*[ZX]/m.test(readFileSync(status, "utf8"));
}
