import type { Outcome } from "@nixfleet/protocol";
import { describeEnd, succeeded } from "@nixfleet/runtime";
import { wait } from "../../spool/run-record.ts";
import { failure, STOPPED } from "../context.ts";
import { createErrorFinder } from "../first-error.ts";
import { createPlainOutput } from "../output.ts";
import type { OpImplementation } from "./implementation.ts";

const POLL_MS = 200;

/**
 * Asks the machine to reboot. It goes down with this runner, so the next one ends the run, by the boot that it finds
 * (`afterReboot`). A machine that stays up ends it by its deadline.
 */
export const reboot: OpImplementation<"reboot"> = async (context) => {
  const { deps, signal } = context;
  const argv = deps.platform.reboot;
  if (argv === undefined) {
    const reason = `An agent of the platform ${deps.platform.name} that shares its machine does not reboot it.`;
    return { state: "refused", code: "op-not-allowed-on-host", reason };
  }
  context.phase("reboot");
  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "agent", errors.read);
  const result = await context.command({
    argv,
    env: { PATH: deps.env["PATH"] ?? "" },
    signal,
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => output.write(chunk),
  });
  output.end();
  if (!succeeded(result) && !result.aborted) {
    const exitCode = result.end.kind === "exited" ? result.end.exitCode : undefined;
    const reason = `The reboot was refused: ${describeEnd(result.end)}.`;
    return failure("reboot-failed", reason, { firstError: errors.first(), exitCode });
  }
  while (!signal.aborted) await wait(deps.clock, POLL_MS);
  return { ...STOPPED, reason: "Stopped after the reboot was requested: the machine may still go down." };
};

/** How a reboot ended whose runner was killed: by a new boot, which is what was asked for, or without one. */
export function afterReboot(bootIdBefore: string, bootIdNow: string): Outcome {
  if (bootIdBefore !== bootIdNow) return { state: "succeeded" };
  return failure("runner-killed", "The runner was killed after the reboot was requested, and the machine has not rebooted.");
}
