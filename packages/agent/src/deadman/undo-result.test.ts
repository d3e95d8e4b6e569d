import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { type Exec, identifyProcess, isAlive } from "@nixfleet/runtime";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { sampleArmed } from "../spool/armed.fixture.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import type { UndoRecord } from "../spool/shapes.ts";
import { extendArmed } from "./arm.ts";
import { readUndoRecord, writeArmed, writeUndoRecord } from "./record.ts";
import type { TimerStart } from "./timer.ts";
import { undo } from "./undo.ts";

const hash = "sn3sxk6b7myhr3sdbn7rri2y00ww7n6p";
const runId = "01jd0000000000000000000001" as RunId;

/** A host of links whose undo puts the old closure back. */
async function createHost(change: (closures: { old: StorePath; next: StorePath }) => Partial<ArmedDeadman> = () => ({})) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const [old, next] = ["old", "new"].map((name) => join(dir.path, "store", `${hash}-${name}`)) as [StorePath, StorePath];
  const current = join(dir.path, "run/current-system");
  const profile = join(dir.path, "nix/var/nix/profiles/system");
  for (const path of [old, next, dirname(current), dirname(profile)]) await mkdir(path, { recursive: true });
  const link = async (path: string, closure: string) => {
    await rm(path, { force: true });
    await symlink(closure, path);
  };
  await link(current, next);
  await link(profile, next);
  const runnerDir = join(dir.path, "runner");
  const layout = runnerLayout(runnerDir);
  await mkdir(layout.run(runId).dir, { recursive: true });
  const armed = sampleArmed({ runId, back: old, next, systemRoot: dir.path, ...change({ old, next }) });
  await writeArmed(layout, armed);
  const programs: string[] = [];
  const exec: Exec = ({ argv }) => {
    programs.push(argv.at(-1) ?? "");
    const ended = { end: { kind: "exited", exitCode: 0 }, aborted: false, stdout: "", stderr: "", truncated: false } as const;
    return { pid: undefined, result: (argv.at(-1) === "/activate" ? link(current, old) : Promise.resolve()).then(() => ended) };
  };
  const clock = createFakeClock();
  const deps = { runnerDir, exec, clock, log: () => {} };
  return { deps, clock, root: dir.path, old, next, current, profile, link, programs, run: layout.run(runId) };
}

test("what runs is back, but the profile is not: that the next boot would bring the new one is reported", async () => {
  const host = await createHost(({ old }) => ({ profile: old }));
  const result = await undo(host.deps, { why: "timer" });
  expect(result).toMatchObject({ undone: { running: host.old, exitCodes: [0] } });
  expect(result).toMatchObject({
    undone: { left: `The profile points to ${host.next}, and not to ${host.old}: the next boot would bring that.` },
  });
});

test("all is back where the profile is too, or was not there before, or was none of the activation's", async () => {
  const same = await createHost(({ old }) => ({ profile: old }));
  await same.link(same.profile, same.old);
  expect(await undo(same.deps, { why: "timer" })).toMatchObject({ undone: { left: null } });

  const none = await createHost();
  expect(await undo(none.deps, { why: "timer" })).toMatchObject({ undone: { left: null } });

  const tried = await createHost(({ old, next }) => ({
    profile: old,
    activation: { closure: next, commit: null, mode: "test", unit: null },
  }));
  expect(await undo(tried.deps, { why: "timer" })).toMatchObject({ undone: { left: null } });
});

test("what was kept from the garbage collector for an undo is let go once it has ended", async () => {
  const host = await createHost();
  await mkdir(host.run.roots, { recursive: true });
  await symlink(host.old, join(host.run.roots, "back"));
  await undo(host.deps, { why: "timer" });
  await expect(access(host.run.roots)).rejects.toThrow("ENOENT");
});

test("the timer of an extended window is started for its whole seconds, and the record is due then", async () => {
  const host = await createHost(() => ({ dueAt: 1 }));
  const started: TimerStart[] = [];
  const createTimer = () => ({
    unitOf: () => null,
    start: async (timer: TimerStart) => {
      started.push(timer);
      return undefined;
    },
  });
  const extended = await extendArmed({ ...host.deps, createTimer }, runId, { milliseconds: 90_500, windows: 2 });
  expect(started).toEqual([{ runId, seconds: 91, number: 2 }]);
  expect(extended).toMatchObject({ windows: 2, timers: 2, until: host.clock.now() + 90_500 });
});

const begun: Omit<UndoRecord, "back"> = {
  why: "runner",
  cause: { code: "post-check-failed", reason: "A unit has failed." },
  startedAt: 1,
  endedAt: null,
  child: null,
  exitCodes: [],
  running: null,
  left: null,
};

test("an undo that was killed is done again for the reason that it had; one that had ended is another's", async () => {
  const killed = await createHost();
  await writeUndoRecord(killed.run, { ...begun, back: killed.old });
  await undo(killed.deps, { why: "boot" });
  expect(await readUndoRecord(killed.run)).toMatchObject({ why: "runner", cause: begun.cause, running: killed.old });

  const ended = await createHost();
  await writeUndoRecord(ended.run, { ...begun, back: ended.old, endedAt: 2 });
  await undo(ended.deps, { why: "boot" });
  expect(await readUndoRecord(ended.run)).toMatchObject({ why: "boot", cause: null });
});

test("what a run had found wrong is in the note of its undo", async () => {
  const host = await createHost();
  await undo(host.deps, { why: "runner", ...(begun.cause !== null && { cause: begun.cause }) });
  expect(await readUndoRecord(host.run)).toMatchObject({ why: "runner", cause: begun.cause });
});

test("what runs instead is reported where the undo restores nothing", async () => {
  const host = await createHost();
  const ended = { end: { kind: "exited", exitCode: 0 }, aborted: false, stdout: "", stderr: "", truncated: false } as const;
  const deps = { ...host.deps, exec: () => ({ pid: undefined, result: Promise.resolve(ended) }) };
  const result = await undo(deps, { why: "timer" });
  expect(result).toMatchObject({ undone: { running: host.next, left: `The host runs ${host.next}, and not ${host.old}.` } });
});

/** The host's programs, of which those of a kind end with this code, after they have done their work. */
function endingWith(host: Awaited<ReturnType<typeof createHost>>, codes: Record<string, number>): typeof host.deps {
  const exec: Exec = (request) => {
    const exitCode = codes[request.argv.at(-1) ?? ""] ?? 0;
    return {
      pid: undefined,
      result: host.deps.exec(request).result.then((ended) => ({ ...ended, end: { kind: "exited", exitCode } })),
    };
  };
  return { ...host.deps, exec };
}

const step = (kind: "activation" | "boot-entry", word: string) => ({
  kind,
  launcher: [],
  argv: ["/activator", word],
  env: {},
  unit: null,
});

test("R63: a boot entry that was not put back, of a boot loader whose files nobody reads, is no undo", async () => {
  const steps: Partial<ArmedDeadman> = {
    stage: "permanent",
    undo: [step("activation", "/activate"), step("boot-entry", "boot")],
  };
  const grub = await createHost(() => steps);
  expect(await undo(endingWith(grub, { boot: 1 }), { why: "timer" })).toMatchObject({
    undone: {
      running: grub.old,
      left: "The boot entry could not be put back (exit code 1): the next boot may bring what was undone.",
    },
  });

  // Where it is seen what the machine boots, that counts.
  const systemdBoot = await createHost(({ old }) => ({ ...steps, profile: old }));
  await systemdBoot.link(systemdBoot.profile, systemdBoot.old);
  const loader = join(systemdBoot.root, "boot/loader");
  await mkdir(join(loader, "entries"), { recursive: true });
  await writeFile(join(loader, "loader.conf"), "default nixos-generation-1.conf\n");
  await writeFile(join(loader, "entries/nixos-generation-1.conf"), `options init=${systemdBoot.old}/init\n`);
  expect(await undo(endingWith(systemdBoot, { boot: 1 }), { why: "timer" })).toMatchObject({ undone: { left: null } });
});

test("R63: an activation that came back to its links and not to its end is no undo; units that had failed before are none of its own", async () => {
  const undoOf = async (code: number) => {
    const host = await createHost(() => ({ undo: [step("activation", "/activate")] }));
    return undo(endingWith(host, { "/activate": code }), { why: "timer" });
  };
  const left = "What ran before was activated again, and not to its end: exit code 1.";
  expect(await undoOf(1)).toMatchObject({ undone: { left } });
  expect(await undoOf(4)).toMatchObject({ undone: { left: null } });
});

test("R63: an undo ends where what is to be looked at cannot be read, says so, and is not begun again for ever", async () => {
  const broken = await createHost(({ old }) => ({ profile: old }));
  await broken.link(broken.profile, broken.old);
  await mkdir(join(broken.root, "boot"), { recursive: true });
  // As on a damaged partition: it is there, and cannot be read.
  await symlink("loader", join(broken.root, "boot/loader"));
  const result = await undo(broken.deps, { why: "boot" });
  expect(result).toMatchObject({
    undone: { running: broken.old, left: expect.stringContaining("Whether all is back cannot be seen") },
  });
  expect(await exists(runnerLayout(broken.deps.runnerDir).deadman)).toBe(false);
});

test("which program of an undo is running is in its note while it is, and not afterwards", async () => {
  const host = await createHost();
  const program = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => void program.kill("SIGKILL"));
  await once(program, "spawn");
  const noted = Promise.withResolvers<void>();
  const deps: typeof host.deps = {
    ...host.deps,
    exec: (request) => ({ pid: program.pid, result: noted.promise.then(() => host.deps.exec(request).result) }),
  };
  const undoing = undo(deps, { why: "timer" });
  await expect.poll(async () => (await readUndoRecord(host.run))?.child?.pid).toBe(program.pid);
  noted.resolve();
  await undoing;
  expect(await readUndoRecord(host.run)).toMatchObject({ child: null, exitCodes: [0] });
});

test("a program that a killed undo has left has 30 seconds to end, then it is ended before anything is activated", async () => {
  const host = await createHost();
  const left = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
  await once(left, "spawn");
  const child = identifyProcess(left.pid);
  if (child === undefined) throw new Error("it runs");
  await writeUndoRecord(host.run, { ...begun, back: host.old, child });
  const ended = once(left, "exit");
  const undoing = undo(host.deps, { why: "timer" });
  await expect.poll(() => host.clock.waiting).toBe(1);
  await host.clock.advanceAsync(29_900);
  expect(isAlive(child)).toBe(true);
  expect(host.programs).toEqual([]);
  await host.clock.advanceAsync(100);
  await ended;
  expect(await undoing).toMatchObject({ undone: { running: host.old } });
  expect(host.programs).toEqual(["/activate"]);
  expect(await readlink(host.current)).toBe(host.old);
});

test("a program that a killed undo has left is not waited for once it has ended, and the units of its steps are stopped", async () => {
  const host = await createHost(() => ({
    undo: [{ kind: "activation", launcher: [], argv: ["/activate"], env: {}, unit: "nixfleet-undo-1" }],
  }));
  const left = spawn("sleep", ["1000"], { stdio: "ignore" });
  await once(left, "spawn");
  const child = identifyProcess(left.pid);
  if (child === undefined) throw new Error("it runs");
  const ended = once(left, "exit");
  left.kill("SIGKILL");
  await ended;
  await writeUndoRecord(host.run, { ...begun, back: host.old, child });
  await undo(host.deps, { why: "timer" });
  expect(host.programs).toEqual([expect.stringContaining("nixfleet-undo-1"), "/activate"]);
});

test("a program of the undo that fails is tried once more, after its unit was stopped", async () => {
  const host = await createHost(() => ({
    undo: [{ kind: "activation", launcher: [], argv: ["/activate"], env: {}, unit: "nixfleet-undo-1" }],
  }));
  const codes = [1, 0, 0];
  const programs: string[] = [];
  const exec: Exec = ({ argv }) => {
    programs.push(argv.at(-1) ?? "");
    const exitCode = codes.shift() ?? 0;
    const end = { kind: "exited", exitCode } as const;
    return {
      pid: undefined,
      result: host.link(host.current, host.old).then(() => ({ end, aborted: false, stdout: "", stderr: "", truncated: false })),
    };
  };
  const result = await undo({ ...host.deps, exec }, { why: "timer" });
  expect(programs).toEqual(["/activate", expect.stringContaining("nixfleet-undo-1"), "/activate"]);
  expect(result).toMatchObject({ undone: { exitCodes: [0], running: host.old } });
});
