import { once } from "node:events";
import { readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { readUndoRecord } from "../deadman/record.ts";
import { exists } from "../spool/exists.ts";
import { eventsOf, leaveHalfLoaderConf, type TestHost } from "./host.fixture.ts";
import { createHostThatRuns, expectTruth, inConfirm, pretendAnotherBoot, secret } from "./killed-host.fixture.ts";
import { kill, startRunner } from "./runner-process.fixture.ts";

const hostThatRuns = createHostThatRuns();

/** Kills a process, or a group by its negative number. One that has ended meanwhile is as good. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** All that runs of a run is gone at once, with what an installer of boot entries leaves then, and the machine boots what is named. */
async function cutPower(host: TestHost, runId: RunId, runner: Parameters<typeof kill>[0], boots: string): Promise<void> {
  const left = await host.processesOf(runId);
  await kill(runner);
  for (const { pid } of left) killIfThere(pid);
  await leaveHalfLoaderConf(host);
  await pretendAnotherBoot(host, runId);
  const current = join(host.config.systemRoot, "run/current-system");
  await rm(current);
  await symlink(boots, current);
}

/** The boot's own unit, to its end. */
async function boot(host: TestHost): Promise<void> {
  await using unit = startRunner(host, ["deadman", "--boot"]);
  await once(unit, "exit");
}

test("R82, R6: power is lost in the confirm window: the machine boots what ran, and there is nothing left to activate", async () => {
  const { host, layout, first, second } = await hostThatRuns({ answer: 409 });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, inConfirm);
  const before = [await host.activations(), await host.bootEntries()];
  await cutPower(host, runId, runner, first);
  await boot(host);
  expect([await host.activations(), await host.bootEntries()]).toEqual(before);
  expect(await exists(layout.deadman)).toBe(false);
  expect(await readUndoRecord(layout.run(runId))).toMatchObject({ why: "boot", exitCodes: [], running: first, left: null });
  await host.run();
  expect(await expectTruth(host, runId, { first })).toMatchObject({ state: "rolled-back", code: "host-restarted" });
});

test("R4, R82: a runner that is killed while the boot entry is installed: the next one waits for it, confirms again, and ends the run", async () => {
  const { host, first, second, until } = await hostThatRuns({ next: { bootEntrySeconds: 2 } });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const before = (await host.bootEntries()).length;
  await using runner = startRunner(host);
  await until(async () => (await host.bootEntries()).length > before);
  await kill(runner);
  await host.run();
  expect(await expectTruth(host, runId, { first, second })).toEqual({ state: "succeeded" });
  const running = await host.deps.platform.runningClosure();
  expect(await host.deps.platform.profileClosure()).toBe(running);
  expect(new Set((await host.bootEntries()).slice(before))).toEqual(new Set([running]));
  expect(eventsOf(await host.events(runId), "deployed")).toHaveLength(1);
});

test.for(["what ran", "the new one"])(
  "R82, R6: power is lost in the last steps, the machine boots %s, and power is lost in each phase of the undo too",
  async (boots) => {
    const { host, layout, first, second, until } = await hostThatRuns({
      old: { activationSeconds: 1, bootEntrySeconds: 1 },
      next: { bootEntrySeconds: 600 },
    });
    const runId = await host.ask("switch", {}, { commit: second, ...secret });
    const before = (await host.bootEntries()).length;
    await using runner = startRunner(host);
    await until(async () => (await host.bootEntries()).length > before);
    const next = (await host.deps.platform.runningClosure()) ?? "";
    expect(await host.deps.platform.profileClosure()).toBe(next);
    await cutPower(host, runId, runner, boots === "what ran" ? first : next);

    // In the previous closure's activation, if that is needed, and in the installation of its boot entry.
    const phases = boots === "what ran" ? (["boot-entry"] as const) : (["activation", "boot-entry"] as const);
    for (const phase of phases) {
      const calls = async () => (await (phase === "activation" ? host.activations() : host.bootEntries())).length;
      const at = await calls();
      await using unit = startRunner(host, ["deadman", "--boot"]);
      await until(async () => (await calls()) > at);
      const child = (await readUndoRecord(layout.run(runId)))?.child;
      await kill(unit);
      if (child != null) killIfThere(-child.pid);
      await leaveHalfLoaderConf(host);
      expect(await exists(layout.deadman)).toBe(true);
      expect(await readUndoRecord(layout.run(runId))).toMatchObject({ why: "boot", endedAt: null });
    }

    await boot(host);
    expect(await exists(layout.deadman)).toBe(false);
    expect((await host.bootEntries()).at(-1)).toBe(first);
    expect(await host.deps.platform.bootLeftovers?.()).toEqual([]);
    await host.run();
    expect(await expectTruth(host, runId, { first })).toMatchObject({ state: "rolled-back", code: "host-restarted" });
    expect(JSON.parse(await readFile(layout.run(runId).undone, "utf8"))).toMatchObject({ left: null, running: first });
  },
);
