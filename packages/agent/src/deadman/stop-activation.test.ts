import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { type Exec, identifyProcess, isAlive, type ProcessIdentity } from "@nixfleet/runtime";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { sampleArmed } from "../spool/armed.fixture.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { runnerLayout } from "../spool/layout.ts";
import type { RunProcess } from "../spool/shapes.ts";
import { endProgram, stopActivation } from "./stop-activation.ts";

const runId = "01jd0000000000000000000001" as RunId;

/** A program in a session of its own, as activations are. */
async function startProgram(): Promise<{ identity: ProcessIdentity; end: () => Promise<unknown> }> {
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const identity = identifyProcess(child.pid);
  if (identity === undefined) throw new Error("it runs");
  const ended = once(child, "exit");
  return {
    identity,
    end: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

/** A run whose activation was started as this program; `how` is what its launcher has left of how it ended. */
async function createRun(child: ProcessIdentity | null, more: Partial<ArmedDeadman> & { how?: string } = {}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const { how, ...change } = more;
  const run = runnerLayout(join(dir.path, "runner")).run(runId);
  await mkdir(run.dir, { recursive: true });
  const runner = identifyProcess();
  if (runner === undefined) throw new Error("this runs");
  const record: RunProcess = { runner, startedAt: 1, deadlineAt: 2, child, activation: null };
  await writeFile(run.process, JSON.stringify(record));
  if (how !== undefined) await writeFile(run.activationStatus, how);
  const [old, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [
    StorePath,
    StorePath,
  ];
  const armed = sampleArmed({ runId, back: old, next, systemRoot: dir.path, ...change });
  const stopped: string[] = [];
  const exec: Exec = ({ argv }) => {
    stopped.push(argv.join(" "));
    const end = { kind: "exited", exitCode: 0 } as const;
    return { pid: undefined, result: Promise.resolve({ end, aborted: false, stdout: "", stderr: "", truncated: false }) };
  };
  const clock = createFakeClock();
  return { clock, stopped, stop: () => stopActivation({ exec, clock }, run, armed) };
}

test("an activation that still runs is ended before anything is undone; one that has ended by itself is left alone", async () => {
  const running = await startProgram();
  await (await createRun(running.identity)).stop();
  expect(isAlive(running.identity)).toBe(false);

  // Another program may be in its session by now, which it has left for good.
  const left = await startProgram();
  await (await createRun(left.identity, { how: "0\n" })).stop();
  expect(isAlive(left.identity)).toBe(true);
  await (await createRun(null)).stop();
});

test("the unit in which an activation runs is stopped, whatever has become of its launcher", async () => {
  const { stop, stopped } = await createRun(null, {
    activation: { closure: null, commit: null, mode: "switch", unit: "nixfleet-activation-1" } as never,
  });
  await stop();
  expect(stopped.filter((line) => line.includes("stop"))).toEqual([expect.stringContaining("nixfleet-activation-1")]);
});

test("an installer of the boot loader has 30 seconds to end by itself, and is ended then", async () => {
  const installer = await startProgram();
  const { clock, stop } = await createRun(installer.identity, { stage: "permanent", how: "0\n" });
  const stopping = stop();
  await expect.poll(() => clock.waiting).toBe(1);
  await clock.advanceAsync(29_800);
  expect([isAlive(installer.identity), clock.waiting]).toEqual([true, 1]);
  await clock.advanceAsync(200);
  await stopping;
  expect(isAlive(installer.identity)).toBe(false);
});

test("an installer that ends within its time, or has ended, is waited for no longer", async () => {
  const installer = await startProgram();
  const { clock, stop } = await createRun(installer.identity, { stage: "permanent" });
  const stopping = stop();
  await expect.poll(() => clock.waiting).toBe(1);
  await clock.advanceAsync(1000);
  expect(isAlive(installer.identity)).toBe(true);
  await installer.end();
  await clock.advanceAsync(200);
  await stopping;
  await (await createRun(null, { stage: "permanent" })).stop();
  await (await createRun(installer.identity, { stage: "permanent" })).stop();
});

test("a process that has the number of one of another boot, or of one that has ended, is not ended", async () => {
  const other = await startProgram();
  await endProgram({ ...other.identity, bootId: "another" });
  await endProgram({ ...other.identity, startTime: `${other.identity.startTime}0` as never });
  expect(isAlive(other.identity)).toBe(true);
  await endProgram(other.identity);
  expect(isAlive(other.identity)).toBe(false);
});
