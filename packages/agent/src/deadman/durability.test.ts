import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunId, StorePath } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { createFakeClock, createFaultyDisk, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { OVERDUE } from "../spool/armed.fixture.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { atEveryPowerLoss, createPromises } from "../spool/power-loss.fixture.ts";
import type { UndoRecord } from "../spool/shapes.ts";
import { createSystemd } from "../systemd/systemd.ts";
import { arm, disarm, extendArmed, restartWhileArmed } from "./arm.ts";
import { readArmed, readUndoRecord, writeArmed, writeUndoRecord } from "./record.ts";
import { createDeadmanTimer, type TimerDeps } from "./timer.ts";
import { undo } from "./undo.ts";

const runId = "01jd0000000000000000000001" as RunId;
const [old, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [StorePath, StorePath];
const timerUnit = `nixfleet-deadman-${runId}`;

/** A host on a disk that forgets, whose time a systemd keeps. Programs are only recorded, and end with `exitCode`. */
async function createHost({ exitCode = 0, timerState = "waiting" } = {}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const layout = runnerLayout(join(dir.path, "runner"));
  await mkdir(layout.run(runId).dir, { recursive: true });
  const disk = createFaultyDisk(dir.path);
  const started = createPromises<string>(disk);
  const programs: string[] = [];
  const exec: Exec = ({ argv }) => {
    programs.push(argv.join(" "));
    started.made(argv.filter((word) => /^(systemd-run|systemctl|stop|show)$/.test(word)).join(" "));
    const end = { kind: "exited", exitCode } as const;
    const stdout = argv.includes("show") ? `ActiveState=active\nSubState=${timerState}\n` : "";
    return { pid: undefined, result: Promise.resolve({ end, aborted: false, stdout, stderr: "no", truncated: false }) };
  };
  const deps = {
    runnerDir: join(dir.path, "runner"),
    program: ["/bin/agent"] as const,
    exec,
    clock: createFakeClock(),
    disk,
    createTimer: (given: TimerDeps) => createDeadmanTimer(given, createSystemd({ exec, scope: "user", env: {} })),
    log: () => {},
  };
  const what = {
    runId,
    armedIn: "this",
    back: old,
    excepted: [],
    ignoredUnits: [],
    profile: null,
    failedUnits: null,
    asks: "nothing" as const,
    host: { platform: "home-manager" as const, hostname: "gate", systemRoot: dir.path, env: { HOME: dir.path } },
    activation: { closure: next, commit: null, mode: "switch" as const, unit: null },
    undo: [{ kind: "activation" as const, launcher: [], argv: ["/activate"], env: {}, unit: null }],
  };
  return { deps, disk, layout, what, programs, started };
}

const NOT_ENDED = {
  why: "timer",
  cause: null,
  startedAt: 1,
  endedAt: null,
  child: null,
  exitCodes: [],
  running: null,
  left: null,
} as const satisfies Partial<UndoRecord>;

const layoutAt = (root: string) => runnerLayout(join(root, "runner"));

test("S10: whenever the power goes, what undoes is on the disk before the time is started, and so before anything is activated", async () => {
  const { deps, disk, what, started } = await createHost();
  expect(await arm(deps, what, 120)).toMatchObject({ ok: true, armed: { timer: timerUnit } });
  const armed = disk.operations.length;
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    const found = await readArmed(layoutAt(root));
    expect(found.kind).not.toBe("refused");
    if (at < armed && !started.until(at).includes("systemd-run")) return;
    expect(found).toMatchObject({ kind: "ok", value: { runId, back: old } });
    expect(await exists(layoutAt(root).deadmanProgram)).toBe(true);
  });
});

test.for([
  [{ exitCode: 1 }, "systemd-run: no"],
  [{ timerState: "dead" }, `systemd does not say that ${timerUnit}.timer is waiting`],
] as const)("S10, R82: what cannot be timed (%o) is armed neither now nor after a power loss", async ([host, reason]) => {
  const { deps, disk, layout, what } = await createHost(host);
  expect(await arm(deps, what, 120)).toMatchObject({ ok: false, code: "internal", reason: expect.stringContaining(reason) });
  expect(await exists(layout.deadman)).toBe(false);
  await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect(await exists(layoutAt(left.path).deadman)).toBe(false);
});

test.each(["create", "write", "sync-file"] as const)(
  "S10: a disk that is full at a %s arms nothing, and says so",
  async (kind) => {
    const { deps, disk, layout, what, programs } = await createHost();
    disk.failWhen((operation) => (operation.kind === kind ? "ENOSPC" : undefined));
    expect(await arm(deps, what, 120)).toMatchObject({ ok: false, code: "disk-full" });
    expect(await exists(layout.deadman)).toBe(false);
    expect(programs).toEqual([]);
  },
);

test("S11: what was disarmed is not armed after a power loss, and its timer is stopped, and no other", async () => {
  const { deps, disk, what, programs, started } = await createHost();
  const armed = await arm(deps, what, 120);
  if (!armed.ok) throw new Error(armed.reason);
  expect(await disarm(deps, armed.armed)).toBe(true);
  expect(programs.slice(2)).toEqual([`systemctl --user stop ${timerUnit}.timer`]);
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    if (started.until(at).includes("systemctl stop")) expect(await exists(layoutAt(root).deadman)).toBe(false);
  });
});

test("S11: whenever the power goes in an undo, it is still armed or its note says that it finished", async () => {
  const { deps, disk, layout, what, programs, started } = await createHost();
  await writeArmed(layout, { ...what, ...OVERDUE, timer: timerUnit }, disk);
  const begun = disk.operations.length;
  expect(await undo(deps, { why: "timer" })).toMatchObject({ kind: "undone" });
  expect(programs.at(-1)).toBe(`systemctl --user stop ${timerUnit}.timer`);
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    if (at < begun) return;
    const isArmed = await exists(layoutAt(root).deadman);
    if (!isArmed)
      expect(await readUndoRecord(layoutAt(root).run(runId))).toMatchObject({ why: "timer", endedAt: expect.any(Number) });
    if (started.until(at).includes("systemctl stop")) expect(isArmed).toBe(false);
  });
});

test("S11: that the daemon was told to make way is known after a power loss", async () => {
  const { deps, disk, what } = await createHost();
  const armed = await arm(deps, what, 120);
  if (!armed.ok) throw new Error(armed.reason);
  // No service manager keeps this host's units, so there is nobody to tell it.
  expect(await restartWhileArmed(deps, armed.armed)).toBe(false);
  await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect(await readArmed(layoutAt(left.path))).toMatchObject({ kind: "ok", value: { restarted: true } });
});

test("R68, S11: whatever stops an extension, a timer is active that undoes when the record says so: the new one starts first, the old one stops last", async () => {
  const { deps, disk, what, programs, started, layout } = await createHost();
  const armed = await arm(deps, what, 120);
  if (!armed.ok) throw new Error(armed.reason);
  const begun = programs.length;
  const extended = await extendArmed(deps, runId, { milliseconds: 240_000, windows: 2 });
  expect(extended).toMatchObject({ windows: 2, timers: 2, timer: `${timerUnit}-2`, stage: "activation" });
  const isNew = (read: Awaited<ReturnType<typeof readArmed>>) => read.kind === "ok" && read.value.timers === 2;
  expect(isNew(await readArmed(layout))).toBe(true);
  expect(programs.slice(begun).map((call) => call.replace(/ --(quiet|no|collect|desc|on|timer|set).*/, ""))).toEqual([
    `systemctl --user stop ${timerUnit}-2.timer`,
    "systemd-run --user",
    `systemctl --user show --property=ActiveState,SubState ${timerUnit}-2.timer`,
    `systemctl --user stop ${timerUnit}.timer`,
  ]);
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    const read = await readArmed(layoutAt(root));
    expect(read.kind).not.toBe("refused");
    const calls = started.until(at);
    if (isNew(read)) expect(calls.filter((call) => call === "systemd-run")).toHaveLength(2);
    if (calls.filter((call) => call === "systemctl stop").length === 2) expect(isNew(read)).toBe(true);
  });
});

test("R68: a timer that cannot be started, or an undo that has begun, extends nothing", async () => {
  const { deps, what, layout } = await createHost();
  const armed = await arm(deps, what, 120);
  if (!armed.ok) throw new Error(armed.reason);
  const end = { kind: "exited", exitCode: 1 } as const;
  const refusing: typeof deps = {
    ...deps,
    exec: () => ({
      pid: undefined,
      result: Promise.resolve({ end, aborted: false, stdout: "", stderr: "no bus", truncated: false }),
    }),
  };
  const timers = {
    createTimer: (given: TimerDeps) => createDeadmanTimer(given, createSystemd({ exec: refusing.exec, scope: "user", env: {} })),
  };
  expect(await extendArmed({ ...refusing, ...timers }, runId, { milliseconds: 240_000 })).toMatchObject({ kind: "fault" });
  expect(await readArmed(layout)).toEqual({ kind: "ok", value: armed.armed });
  await writeUndoRecord(layout.run(runId), { ...NOT_ENDED, exitCodes: [], back: old });
  expect(await extendArmed(deps, runId, { milliseconds: 240_000 })).toEqual({ kind: "not-armed" });
});

test("R82: the last steps are recorded before they begin; a window that is long enough keeps its timer", async () => {
  const { deps, what, programs } = await createHost();
  const armed = await arm(deps, what, 600);
  if (!armed.ok) throw new Error(armed.reason);
  const begun = programs.length;
  const permanent = await extendArmed(deps, runId, { milliseconds: 120_000, stage: "permanent" });
  expect(permanent).toMatchObject({ stage: "permanent", timers: 1, until: armed.armed.until, dueAt: armed.armed.dueAt });
  expect(programs).toHaveLength(begun);
});
