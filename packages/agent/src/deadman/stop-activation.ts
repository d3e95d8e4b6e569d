import { createProcessTree, type Exec, identifyProcess, type ProcessIdentity, readProcessTable } from "@nixfleet/runtime";
import { exists } from "../spool/exists.ts";
import type { RunLayout } from "../spool/layout.ts";
import { type ActivationRecord, RunProcess } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { stopUnit } from "./activation-unit.ts";
import type { RecordedHost } from "./recorded-host.ts";

const GRACE_MS = 2000;

/** Ends what is left of a program: its group, session and descendants, if the boot is still the same. */
export async function endProgram(program: ProcessIdentity): Promise<void> {
  const self = identifyProcess();
  if (self === undefined || program.bootId !== self.bootId) return;
  const now = readProcessTable().find(({ pid }) => pid === program.pid);
  // Another process has that number by now: what has it as its group was not started by this run.
  if (now !== undefined && now.startTime !== program.startTime) return;
  await createProcessTree(program.pid).end(GRACE_MS);
}

/** Ends a run's activation if it is still running, whoever has started it, so that nothing works against the undo. */
export async function stopActivation(
  exec: Exec,
  run: Pick<RunLayout, "process" | "activationStatus">,
  activation: Pick<ActivationRecord, "unit">,
  host: RecordedHost,
): Promise<void> {
  if (!(await exists(run.activationStatus))) {
    const read = await readUntrustedJson(run.process, RunProcess);
    // The launcher first: a service manager that was not asked yet is not asked any more.
    if (read.kind === "ok" && read.value.child !== null) await endProgram(read.value.child);
  }
  await stopUnit(exec, activation.unit, host);
}
