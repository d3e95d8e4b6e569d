import { daemonLayout } from "../../spool/layout.ts";
import { wait } from "../../spool/run-record.ts";
import { DaemonStatus } from "../../spool/shapes.ts";
import { readUntrustedJson } from "../../spool/untrusted-json.ts";
import { failure, STOPPED } from "../context.ts";
import type { OpImplementation } from "./implementation.ts";

const POLL_MS = 100;

/** Tells the daemon to end, and is done when another one has connected. What starts that one is the service manager. */
export const restartAgent: OpImplementation<"restart-agent"> = async (context) => {
  const { deps, signal } = context;
  const path = daemonLayout(deps.config.stateDir).status;
  context.phase("restart");
  const before = await readUntrustedJson(path, DaemonStatus);
  if (before.kind !== "ok") {
    const why = before.kind === "missing" ? "it has not recorded its process" : before.reason;
    return failure("restart-not-seen", `There is no running agent to restart: ${why}.`);
  }
  const { instance } = before.value;
  context.events.append({ kind: "restart", instance });
  while (!signal.aborted) {
    const now = await readUntrustedJson(path, DaemonStatus);
    if (now.kind === "ok" && now.value.instance !== instance && now.value.connectedAt !== null) return { state: "succeeded" };
    await wait(deps.clock, POLL_MS);
  }
  return STOPPED;
};
