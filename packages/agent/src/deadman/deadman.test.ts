import { chmod, mkdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { bootId, exec, lockOwner, systemClock } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { OVERDUE } from "../spool/armed.fixture.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { arm, beginWhileArmed, disarm } from "./arm.ts";
import { monotonicNow } from "./moment.ts";
import { readArmed, readDeadmanFact, readUndoRecord, writeArmed } from "./record.ts";
import { KEEPS_TIME } from "./timer.ts";
import { undo } from "./undo.ts";

const hash = "sn3sxk6b7myhr3sdbn7rri2y00ww7n6p";
const runId = "01jd0000000000000000000001" as RunId;

/** A host of links, and an undo that puts one back. */
async function createHost() {
  const dir = await createTempDir("nixfleet-deadman-");
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const systemRoot = join(dir.path, "system");
  const [old, next] = ["old", "new"].map((name) => join(dir.path, "store", `${hash}-${name}`)) as [StorePath, StorePath];
  for (const closure of [old, next]) await mkdir(closure, { recursive: true });
  await mkdir(join(systemRoot, "run"), { recursive: true });
  const current = join(systemRoot, "run/current-system");
  await symlink(next, current);
  const layout = runnerLayout(join(dir.path, "runner"));
  const run = layout.run(runId);
  await mkdir(run.dir, { recursive: true });
  const deps = {
    runnerDir: join(dir.path, "runner"),
    program: [process.execPath, builtProgram("agent")] as const,
    exec,
    clock: systemClock,
    log: () => {},
  };
  const env = { PATH: process.env["PATH"] ?? "" };
  const step = (script: string) => ({
    kind: "activation" as const,
    launcher: [],
    argv: ["/bin/sh", "-c", script, "step", current, old, next],
    env,
    unit: null,
  });
  const goBack = step('echo undone; ln -sfn "$2" "$1"');
  const what = {
    runId,
    armedIn: bootId(),
    back: old,
    excepted: [],
    ignoredUnits: [],
    profile: null,
    failedUnits: null,
    asks: "nothing" as const,
    host: { platform: "nixos" as const, hostname: "gate", systemRoot, env: { ...env, HOME: dir.path } },
    activation: { closure: next, commit: null, mode: "switch" as const, unit: null },
    undo: [goBack],
  };
  const running = () => readlink(current);
  return { dir, layout, run, deps, what, old, next, current, running, step, goBack };
}

test("R37: nothing but time: without a runner, a daemon or a setting, the armed program restores what ran", async () => {
  const { deps, what, layout, run, running, old } = await createHost();
  const armed = await arm(deps, what, 1);
  expect(armed).toMatchObject({ ok: true, armed: { timer: null } });
  expect((await stat(layout.deadmanProgram)).mode & 0o777).toBe(0o755);
  expect((await stat(layout.deadman)).mode & 0o777).toBe(0o640);
  await expect.poll(() => exists(layout.deadman), { timeout: 30_000 }).toBe(false);
  expect(await running()).toBe(old);
  expect(await readUndoRecord(run)).toMatchObject({ why: "timer", exitCodes: [0], running: old, left: null });
  expect(await readFile(run.undoOutput, "utf8")).toBe("undone\n");
});

test("R68: a timer that fires while its window is extended waits for what the record says by then, and a switch that starts the boot's unit undoes nothing", async () => {
  const { deps, what, layout, running, old, next } = await createHost();
  const dueAt = monotonicNow() + 3_600_000;
  const armed = { ...what, ...OVERDUE, timers: 2, windows: 2, dueAt };
  await writeArmed(layout, armed);
  const argv: [string, ...string[]] = [...deps.program, "deadman", "--run", runId, "--after", "0"];
  const said = Promise.withResolvers<void>();
  const timer = exec({
    argv,
    env: { ...what.host.env, NIXFLEET_RUNNER_DIR: deps.runnerDir },
    onStdout: (chunk) => chunk.toString().includes(KEEPS_TIME) && said.resolve(),
  });
  await said.promise;
  const boot: [string, ...string[]] = [...deps.program, "deadman", "--boot"];
  const env = { ...what.host.env, NIXFLEET_RUNNER_DIR: deps.runnerDir };
  expect((await exec({ argv: boot, env }).result).end).toEqual({ kind: "exited", exitCode: 0 });
  expect(await running()).toBe(next);
  expect(await exists(layout.deadman)).toBe(true);
  await writeArmed(layout, { ...armed, dueAt: monotonicNow() });
  expect((await timer.result).end).toEqual({ kind: "exited", exitCode: 0 });
  expect(await running()).toBe(old);
});

test("what is disarmed is not undone by anybody, and its timer ends by itself", async () => {
  const { deps, what, running, next } = await createHost();
  const armed = await arm(deps, what, 3600);
  if (!armed.ok) throw new Error(armed.reason);
  const timers = async () =>
    (await exec({ argv: ["pgrep", "-f", `^${process.execPath}.* deadman --run ${runId}`], env: what.host.env }).result).stdout;
  await expect.poll(timers, { timeout: 20_000 }).not.toBe("");
  expect(await readDeadmanFact(deps.runnerDir)).toMatchObject({ deadman: { runId, until: armed.armed.armedAt + 3_600_000 } });
  expect(await disarm(deps, armed.armed)).toBe(true);
  expect(await disarm(deps, armed.armed)).toBe(false);
  expect(await undo(deps, { why: "person" })).toEqual({ kind: "nothing" });
  expect(await beginWhileArmed(deps, runId, () => "begun")).toBeUndefined();
  await expect.poll(timers, { timeout: 20_000 }).toBe("");
  expect(await running()).toBe(next);
});

test("R37: what an undo could not read is not armed, so that nothing is activated on its word", async () => {
  const { deps, what, layout } = await createHost();
  const armed = await arm(deps, { ...what, failedUnits: ["x".repeat(257)] }, 3600);
  expect(armed).toEqual({ ok: false, code: "internal", reason: expect.stringContaining("cannot be read back") });
  expect(await exists(layout.deadman)).toBe(false);
});

test("what cannot be timed is not armed, and what is armed is not armed again", async () => {
  const { deps, what, layout } = await createHost();
  await mkdir(layout.deadmanProgram);
  await expect(arm(deps, what, 3600)).rejects.toThrow("EISDIR");
  expect(await exists(layout.deadman)).toBe(false);
  await writeArmed(layout, { ...what, ...OVERDUE });
  expect(await arm(deps, what, 3600)).toMatchObject({
    ok: false,
    code: "internal",
    reason: expect.stringContaining("already armed"),
  });
});

test("a step that fails is tried once more and stops no other; what is not as it was is reported", async () => {
  const { deps, what, layout, run, step, goBack, running, old } = await createHost();
  const armed = { ...what, ...OVERDUE };
  await writeArmed(layout, {
    ...armed,
    undo: [step("echo again; exit 7"), { ...goBack, argv: ["/nonexistent/activate"] }, goBack],
  });
  await undo(deps, { why: "timer" });
  expect(await readUndoRecord(run)).toMatchObject({ exitCodes: [7, 127, 0], running: old, left: null });
  expect((await readFile(run.undoOutput, "utf8")).match(/^again$/gm)).toHaveLength(2);

  await writeArmed(layout, { ...armed, undo: [step('ln -sfn "$3" "$1"')] });
  const result = await undo(deps, { why: "timer" });
  expect(result).toMatchObject({ undone: { left: expect.stringContaining(`and not ${old}`) } });
  expect(await running()).not.toBe(old);
  expect(await exists(layout.deadman)).toBe(false);
});

test("what the next boot would bring is held against what it was before, unless the activation was for this boot only", async () => {
  const { deps, what, layout, running, old } = await createHost();
  const armed = { ...what, ...OVERDUE, profile: old };
  await writeArmed(layout, armed);
  const result = await undo(deps, { why: "timer" });
  expect(result).toMatchObject({ undone: { running: old, left: expect.stringContaining("The profile points to nothing") } });
  await writeArmed(layout, { ...armed, activation: { ...what.activation, mode: "test" } });
  expect(await undo(deps, { why: "timer" })).toMatchObject({ undone: { running: old, left: null } });
  expect(await running()).toBe(old);
});

test("an undo works where neither its output nor its note can be written, and where the run's directory is gone", async () => {
  const { deps, what, layout, run, running, old, next, current } = await createHost();
  const armed = { ...what, ...OVERDUE };
  for (const spoil of [
    () => mkdir(run.undoOutput),
    () => rm(run.undone).then(() => mkdir(run.undone)),
    () => rm(run.dir, { recursive: true }),
  ]) {
    await spoil();
    await rm(current);
    await symlink(next, current);
    await writeArmed(layout, armed);
    expect(await undo(deps, { why: "timer" })).toMatchObject({ undone: { running: old, left: null } });
    expect(await running()).toBe(old);
    expect(await exists(layout.deadman)).toBe(false);
  }
});

test("R37: a program of an undo that ends where it cannot print comes to its end on a full disk", async () => {
  const { deps, what, layout, run, running, old, step } = await createHost();
  // Opened without a fault, and without room for a byte.
  for (const path of [run.undoOutput, `${run.undoOutput}.room`]) await symlink("/dev/full", path);
  const printing = step('echo printed || exit 101; ln -sfn "$2" "$1"');
  await writeArmed(layout, { ...what, ...OVERDUE, undo: [printing] });
  expect(await undo(deps, { why: "timer" })).toMatchObject({ undone: { exitCodes: [0], running: old, left: null } });
  expect(await running()).toBe(old);
});

test("a record that cannot be read undoes nothing, and is no fact", async () => {
  const { deps, layout, running, next } = await createHost();
  await writeFile(layout.deadman, '{"runId":');
  expect(await undo(deps, { why: "boot" })).toEqual({ kind: "nothing" });
  expect(await readDeadmanFact(deps.runnerDir)).toEqual({});
  await chmod(layout.deadman, 0o600);
  expect((await readArmed(layout)).kind).toBe("refused");
  expect(await running()).toBe(next);
});

test("R37: of a confirmation and undos at the same moment exactly one wins, each knows it, and it is what runs", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), async (scheduler, undoers) => {
      const { deps, what, layout, running, old, next } = await createHost();
      const armed = { ...what, ...OVERDUE };
      await writeArmed(layout, armed);
      const start = (name: string) => scheduler.schedule(Promise.resolve(), name);
      const confirmed = start("confirm").then(() => disarm(deps, armed));
      const begun = start("begin").then(() => beginWhileArmed(deps, runId, () => true));
      const undone = Array.from({ length: undoers }, (_, i) => start(`undo ${i}`).then(() => undo(deps, { why: "timer" })));
      await scheduler.waitFor(Promise.all([confirmed, begun, ...undone]));
      const wins = (await Promise.all(undone)).filter(({ kind }) => kind === "undone").length;
      expect(wins + Number(await confirmed)).toBe(1);
      expect(await running()).toBe(wins === 1 ? old : next);
      expect(await exists(layout.deadman)).toBe(false);
      expect(await lockOwner(layout.deadmanLock)).toBeUndefined();
    }),
    { numRuns: 15 },
  );
});
