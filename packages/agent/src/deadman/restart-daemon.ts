import { type Exec, succeeded } from "@nixfleet/runtime";
import { managerEnv, managerOptions, type ServiceManagerHost, serviceManagerOf } from "./service-manager.ts";

/** The name by which the modules install the daemon. */
const UNIT = "nixfleet-agent.service";
/** Milliseconds that systemctl may take to answer. */
const LIMIT = 30_000;

/**
 * Tells the service manager to start the daemon anew, as it is installed now, and does not wait for it: one that does not come up
 * must keep nobody waiting. False: there is none that could be told, or it does not want to.
 */
export async function restartDaemon(exec: Exec, host: ServiceManagerHost, manager = serviceManagerOf(host)): Promise<boolean> {
  if (manager === undefined) return false;
  const { result } = exec({
    argv: ["systemctl", ...managerOptions(manager), "restart", "--no-block", UNIT],
    env: managerEnv(host),
    signal: AbortSignal.timeout(LIMIT),
  });
  return succeeded(await result);
}

/** The daemon's process as the service manager knows it, 0 where none runs (systemd's `MainPID`); undefined: nobody can tell. */
export async function daemonProcess(
  exec: Exec,
  host: ServiceManagerHost,
  manager = serviceManagerOf(host),
): Promise<number | undefined> {
  if (manager === undefined) return undefined;
  const { result } = exec({
    argv: ["systemctl", ...managerOptions(manager), "show", "--property=MainPID", "--value", UNIT],
    env: managerEnv(host),
    signal: AbortSignal.timeout(LIMIT),
  });
  const ended = await result;
  return succeeded(ended) && /^\d+\n$/.test(ended.stdout) ? Number(ended.stdout) : undefined;
}
