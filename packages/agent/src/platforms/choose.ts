import { userInfo } from "node:os";
import type { Platform as PlatformName } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { createDarwinPlatform } from "./darwin.ts";
import { createHomeManagerPlatform } from "./home-manager.ts";
import { createNixosPlatform } from "./nixos.ts";
import type { Platform } from "./platform.ts";

export interface ChoosePlatformDeps {
  platform: PlatformName;
  hostname: string;
  flakeAttr: string | undefined;
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  exec: Exec;
  /** A program that activates and installs the boot entry instead of the platform's own; it gets the closure, and `test`, `boot` or `switch`. */
  activationCommand?: string | undefined;
  /** What Home Manager appends to the names of files that are in its way. */
  backupFileExtension?: string | undefined;
}

/** The platform that a host is. */
export function createPlatform({ activationCommand, platform: name, ...deps }: ChoosePlatformDeps): Platform {
  const platform = PLATFORMS[name](deps);
  if (activationCommand === undefined) return platform;
  // Not an undo: that must not depend on a program that may be what broke the host.
  const live = platform.modes.includes("test") ? "test" : "switch";
  return {
    ...platform,
    activation: (closure, mode) => ({ ...platform.activation(closure, mode), argv: [activationCommand, closure, live] }),
    permanentSteps: async (closure, mode, generation) =>
      (await platform.permanentSteps(closure, mode, generation)).map((step) =>
        step.kind === "boot-entry" ? { ...step, argv: [activationCommand, closure, "boot"] } : step,
      ),
  };
}

type Create = (deps: Omit<ChoosePlatformDeps, "platform" | "activationCommand">) => Platform;

const PLATFORMS: Record<PlatformName, Create> = {
  nixos: createNixosPlatform,
  darwin: createDarwinPlatform,
  "home-manager": (deps) => {
    const { username, homedir, uid } = userInfo();
    const [user, home] = [deps.env["USER"] ?? username, deps.env["HOME"] ?? homedir];
    return createHomeManagerPlatform({ ...deps, user, uid, home, isDarwin: process.platform === "darwin" });
  },
};
