import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Platform } from "@nixfleet/protocol";

type Env = Readonly<Record<string, string | undefined>>;

/** Which systemd of a host is asked: the system's, or the one of the user whose home is managed. */
export type ServiceManager = "system" | "user";

export interface ServiceManagerHost {
  platform: Platform;
  systemRoot: string;
  env: Env;
}

/** What `systemctl --user` and `systemd-run --user` need to find the user's own systemd (systemctl(1), environment). */
const USER_VARIABLES = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/** The systemd that keeps this host's units; undefined: none does (another system, or a host that shares a machine). */
export function serviceManagerOf({ platform, systemRoot, env }: ServiceManagerHost): ServiceManager | undefined {
  if (systemRoot !== "" || !existsSync("/run/systemd/system")) return undefined; // sd_booted(3)
  if (platform === "nixos") return "system";
  const runtime = env["XDG_RUNTIME_DIR"];
  return platform === "home-manager" && runtime !== undefined && existsSync(join(runtime, "systemd")) ? "user" : undefined;
}

/** Option of systemctl and systemd-run that names this service manager. */
export function managerOptions(manager: ServiceManager | undefined): string[] {
  return manager === "user" ? ["--user"] : [];
}

/** Environment of systemctl and systemd-run themselves. */
export function managerEnv(env: Env): Record<string, string> {
  return pick(env, ["PATH", "HOME", ...USER_VARIABLES]);
}

export function pick(env: Env, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
