import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { type Exec, identifyProcess, isAlive, type LockResult, takeLock } from "@nixfleet/runtime";
import { createFakeClock, createFaultyDisk, createTempDir, type FakeClock } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { sampleArmed } from "../spool/armed.fixture.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import type { UndoRecord } from "../spool/shapes.ts";
import { beginWhileArmed, disarm, restartWhileArmed } from "./arm.ts";
import { withDeadmanLock } from "./lock.ts";
import { readArmed, readUndoRecord, writeArmed, writeUndoRecord } from "./record.ts";
import { endProgram } from "./stop-activation.ts";
import { undo } from "./undo.ts";

const [runId, otherRun] = ["1", "2"].map((n) => `01jd${n.padStart(22, "0")}`) as [RunId, RunId];
const [old, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [StorePath, StorePath];

const begun: UndoRecord = {
  why: "timer",
  cause: null,
  back: old,
  startedAt: 1,
  endedAt: null,
  child: null,
  exitCodes: [],
  running: null,
  left: null,
};

/** An armed run of a host whose programs end with this code; without one they never end by themselves. */
async function createArmedHost({ exitCode }: { exitCode?: number } = {}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const layout = runnerLayout(dir.path);
  await mkdir(layout.run(runId).dir, { recursive: true });
  const armed = sampleArmed({ runId, back: old, next, systemRoot: dir.path });
  await writeArmed(layout, armed);
  let programs = 0;
  const exec: Exec = ({ signal }) => {
    programs++;
    const ended = Promise.withResolvers<Awaited<ReturnType<Exec>["result"]>>();
    const printed = { stdout: "", stderr: "", truncated: false };
    if (exitCode !== undefined) ended.resolve({ end: { kind: "exited", exitCode }, aborted: false, ...printed });
    signal?.addEventListener("abort", () =>
      ended.resolve({ end: { kind: "signalled", signal: "SIGKILL" }, aborted: true, ...printed }),
    );
    return { pid: undefined, result: ended.promise };
  };
  const clock = createFakeClock();
  const deps = { runnerDir: dir.path, exec, clock, log: () => {} };
  return { dir, layout, run: layout.run(runId), armed, deps, clock, programs: () => programs };
}

test("S11: once an undo has begun, nobody confirms, begins or restarts anything of that run", async () => {
  const { deps, armed, layout, run, programs } = await createArmedHost();
  expect(await writeUndoRecord(run, begun)).toBeUndefined();
  expect(await disarm(deps, armed)).toBe(false);
  expect(await beginWhileArmed(deps, runId, () => "begun")).toBeUndefined();
  expect(await restartWhileArmed(deps, armed)).toBe(false);
  expect(await readArmed(layout)).toEqual({ kind: "ok", value: armed });
  expect(programs()).toBe(0);
});

test("S11: what another run has armed is neither disarmed by this one, nor undone for it", async () => {
  const { deps, armed, layout } = await createArmedHost();
  expect(await disarm(deps, { ...armed, runId: otherRun })).toBe(false);
  expect(await beginWhileArmed(deps, otherRun, () => "begun")).toBeUndefined();
  expect(await undo(deps, { why: "person", applies: (found) => found.runId === otherRun })).toEqual({ kind: "nothing" });
  expect((await readArmed(layout)).kind).toBe("ok");
});

test("R37: a program of an undo that hangs is ended after five minutes, tried once more, and keeps no host armed", async () => {
  const { deps, clock, layout, run, programs } = await createArmedHost();
  const undone = undo(deps, { why: "timer" });
  for (let attempt = 1; attempt <= 2; attempt++) {
    while (programs() < attempt || clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await readUndoRecord(run)).toMatchObject({ endedAt: null });
    clock.advance(5 * 60_000);
  }
  expect(await undone).toMatchObject({ kind: "undone", undone: { exitCodes: [null] } });
  expect(await exists(layout.deadman)).toBe(false);
});

/** A program that is running until somebody ends it. */
async function startProgram() {
  const child = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const identity = identifyProcess(child.pid);
  if (identity === undefined) throw new Error("the process cannot be found");
  return identity;
}

/** Lets time pass until something is done. */
async function passTimeUntil<T>(clock: FakeClock, done: Promise<T>): Promise<T> {
  let isDone = false;
  void done.finally(() => (isDone = true));
  while (!isDone) await clock.advanceAsync(100);
  return done;
}

test("S11: an undo that was killed is done again for the reason that it had, and what it left running is ended first", async () => {
  const { deps, run, clock } = await createArmedHost({ exitCode: 0 });
  const child = await startProgram();
  const cause = { code: "health-check-failed" as const, reason: "It does not answer." };
  await writeUndoRecord(run, { ...begun, why: "runner", cause, child });
  const result = await passTimeUntil(clock, undo(deps, { why: "boot" }));
  expect(result).toMatchObject({ kind: "undone", undone: { why: "runner", cause, exitCodes: [0] } });
  expect(isAlive(child)).toBe(false);
});

test("S11: an undo ends the activation first if that is still running, and leaves one alone that has ended", async () => {
  for (const hasEnded of [false, true]) {
    const { deps, run, clock } = await createArmedHost({ exitCode: 0 });
    const child = await startProgram();
    const state = { runner: child, startedAt: 1, deadlineAt: 2, child, activation: null };
    await writeFile(run.process, JSON.stringify(state));
    if (hasEnded) await writeFile(run.activationStatus, "0\n");
    await passTimeUntil(clock, undo(deps, { why: "timer" }));
    expect(isAlive(child)).toBe(hasEnded);
  }
});

test("S17: the note of an undo takes the room that its run has held back; without any room there is no note, and why is reported", async () => {
  const { dir, run } = await createArmedHost();
  await writeFile(run.reserve, "held back");
  const disk = createFaultyDisk(dir.path);
  disk.failWhen(({ kind }) => (kind === "write" && existsSync(run.reserve) ? "ENOSPC" : undefined));
  expect(await writeUndoRecord(run, begun, disk)).toBeUndefined();
  expect(await readUndoRecord(run)).toEqual(begun);
  expect(existsSync(run.reserve)).toBe(false);
  disk.failWhen(({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
  expect(await writeUndoRecord(run, { ...begun, endedAt: 2 }, disk)).toContain("ENOSPC");
  expect(await readUndoRecord(run)).toEqual(begun);
});

test("S17: on a full disk the lock takes the room that the run has held back, and an undo continues without a lock if that is too little", async () => {
  const { layout, run, clock } = await createArmedHost();
  await writeFile(run.reserve, "held back");
  const full = async (): Promise<LockResult> => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  const takeIt = (path: string) => (existsSync(run.reserve) ? full() : takeLock(path));
  expect(await withDeadmanLock(layout, clock, async () => existsSync(layout.deadmanLock), takeIt)).toBe(true);
  expect(existsSync(run.reserve)).toBe(false);
  expect(await withDeadmanLock(layout, clock, async () => "done", full)).toBe("done");
});

test("a program is ended only if it is the one that was recorded: another boot, or another process of its number, is let alone", async () => {
  const identity = await startProgram();
  await endProgram({ ...identity, bootId: "the-boot-before" });
  await endProgram({ ...identity, startTime: `${identity.startTime}0` as never });
  expect(isAlive(identity)).toBe(true);
  await endProgram(identity);
  expect(isAlive(identity)).toBe(false);
});
