import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";

const platform = "darwin" as const;

test("R37: nix-darwin: an activation that stops half way is reported and undone, jobs and all; the next switch works", async () => {
  await using host = await createTestHost({ platform, name: "mini", host: { version: "1.0" }, config: { confirmTimeout: 60 } });
  const commitVersion = (version: string, failActivation = false) =>
    host.flake.commitFlake(version, { hosts: { mini: { platform, version, failActivation } } });
  const first = await host.flake.head();
  expect((await host.doRun("switch", {}, { commit: first })).outcome).toEqual({ state: "succeeded" });
  const before = await host.deps.platform.runningClosure();

  const broken = await commitVersion("2.0", true);
  const { runId, outcome } = await host.doRun("switch", {}, { commit: broken });

  expect(outcome).toMatchObject({ state: "rolled-back", code: "activation-failed" });
  const events = await host.events(runId);
  expect(logText(events)).toContain("error: Failed to open LaunchDaemons");
  expect(logText(events).join("\n")).toContain(`stopped half way (exit code 2): ${host.config.systemRoot}/run/current-system`);
  expect(eventsOf(events, "finished")[0]?.proof?.facts).toMatchObject({
    running: { closure: before },
    profile: { closure: before, generation: 1 },
  });
  expect((await host.activations()).at(-1)).toBe(`activate ${before}`);
  expect(await readdir(join(host.config.systemRoot, "Library/LaunchDaemons"))).toEqual([
    "org.nixos.activate-system.plist",
    "org.nixos.version-1.0.plist",
  ]);

  const fixed = await commitVersion("3.0");
  expect((await host.doRun("switch", {}, { commit: fixed })).outcome).toEqual({ state: "succeeded" });
  expect(await host.deps.platform.runningClosure()).not.toBe(before);
});

test("R34: nix-darwin goes back to a generation by its number", async () => {
  await using host = await createTestHost({ platform, name: "mini", host: { version: "1.0" } });
  await host.doRun("switch", {}, { commit: await host.flake.head() });
  const before = await host.deps.platform.runningClosure();
  const commit = await host.flake.commitFlake("2.0", { hosts: { mini: { platform, version: "2.0" } } });
  await host.doRun("switch", {}, { commit });
  expect((await host.doRun("rollback", { generation: 1 })).outcome).toEqual({ state: "succeeded" });
  expect(await host.deps.platform.runningClosure()).toBe(before);
  expect(await host.deps.platform.generation()).toBe(1);
});

test("R37: nix-darwin: what the new closure's own checks forbid is refused before anything is armed or changed", async () => {
  await using host = await createTestHost({ platform, name: "mini", host: { version: "1.0" }, config: { confirmTimeout: 60 } });
  await host.doRun("switch", {}, { commit: await host.flake.head() });
  const before = await host.deps.platform.runningClosure();
  const activations = await host.activations();
  const commit = await host.flake.commitFlake("2.0", { hosts: { mini: { platform, version: "2.0", failChecks: true } } });

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toMatchObject({
    state: "refused",
    code: "checks-failed",
    reason: expect.stringContaining("Unexpected files in /etc, aborting activation"),
  });
  expect(eventsOf(await host.events(runId), "armed")).toEqual([]);
  expect(await host.activations()).toEqual(activations);
  expect([await host.deps.platform.runningClosure(), await host.deps.platform.profileClosure()]).toEqual([before, before]);
});
