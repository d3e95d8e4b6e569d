import { userInfo } from "node:os";
import type { Exec } from "@nixfleet/runtime";
import { createHomeManagerPlatform } from "./home-manager.ts";
import { createNixosPlatform } from "./nixos.ts";
import type { Platform } from "./platform.ts";

export interface ChoosePlatformDeps {
  platform: "nixos" | "home-manager";
  hostname: string;
  flakeAttr: string | undefined;
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  exec: Exec;
}

export function createPlatform({ platform, ...deps }: ChoosePlatformDeps): Platform {
  if (platform === "nixos") return createNixosPlatform(deps);
  const { username, homedir } = userInfo();
  return createHomeManagerPlatform({ ...deps, user: deps.env["USER"] ?? username, home: deps.env["HOME"] ?? homedir });
}
