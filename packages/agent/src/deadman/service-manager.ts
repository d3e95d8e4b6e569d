import type { Platform } from "@nixfleet/protocol";
import { pickVariables } from "../platforms/environment.ts";
import { hasUserManager, isSystemdBooted, type Manager } from "../platforms/systemd.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface ServiceManagerHost {
  platform: Platform;
  systemRoot: string;
  env: Env;
}

/** The systemd that keeps this host's units; undefined: none does (another system, or a host that shares a machine). */
export function serviceManagerOf({ platform, systemRoot, env }: ServiceManagerHost): Manager | undefined {
  if (systemRoot !== "") return undefined;
  if (platform === "nixos") return isSystemdBooted() ? "system" : undefined;
  return platform === "home-manager" && hasUserManager(env["XDG_RUNTIME_DIR"]) ? "user" : undefined;
}

/** Option of systemctl and systemd-run that names the service manager. */
export function managerOptions(manager: Manager | undefined): string[] {
  return manager === "user" ? ["--user"] : [];
}

/** Environment of systemctl and systemd-run themselves, with what they need to find a user's own systemd (systemctl(1)). */
export function managerEnv({ env }: ServiceManagerHost): Record<string, string> {
  return pickVariables(env, ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]);
}
