import { Platform as PlatformName } from "@nixfleet/protocol";
import { exec } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createPlatform } from "./choose.ts";

const create = (platform: PlatformName, systemRoot: string) =>
  createPlatform({ platform, hostname: "gate", flakeAttr: undefined, systemRoot, env: { HOME: "/home/ada" }, exec });

test("each platform answers for itself what others need to know of it", () => {
  const uid = process.getuid?.();
  const answers = PlatformName.options.map((name) => {
    const { scope, bootsFromProfile, unitsFailedExitCode, sessionEnv } = create(name, "");
    return { name, scope, bootsFromProfile, unitsFailedExitCode, sessionEnv };
  });
  expect(answers).toEqual([
    { name: "nixos", scope: "system", bootsFromProfile: true, unitsFailedExitCode: 4, sessionEnv: {} },
    { name: "darwin", scope: "system", bootsFromProfile: true, unitsFailedExitCode: undefined, sessionEnv: {} },
    {
      name: "home-manager",
      scope: "user",
      bootsFromProfile: false,
      unitsFailedExitCode: undefined,
      sessionEnv: process.platform === "darwin" ? {} : { XDG_RUNTIME_DIR: `/run/user/${uid}` },
    },
  ]);
});

test.for(PlatformName.options)("%s that shares its machine has no service manager of its own, and reboots nothing", (name) => {
  const platform = create(name, "/elsewhere");
  expect([platform.name, platform.serviceManager, platform.reboot]).toEqual([name, undefined, undefined]);
});

test("nix-darwin's services are launchd's", () => {
  expect(create("darwin", "").serviceManager).toMatchObject({ kind: "launchd", domain: "system" });
});
