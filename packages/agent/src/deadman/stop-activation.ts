import {
  type Clock,
  createProcessTree,
  type Exec,
  identifyProcess,
  isAlive,
  type ProcessIdentity,
  readProcessTable,
} from "@nixfleet/runtime";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { exists } from "../spool/exists.ts";
import type { RunLayout } from "../spool/layout.ts";
import { wait } from "../spool/run-record.ts";
import { RunProcess } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { isUnitActive, stopUnit } from "./activation-unit.ts";

const GRACE_MS = 2000;
/** How long an installer of the boot loader may go on. Milliseconds. */
const INSTALLER_LIMIT = 30_000;
const POLL_MS = 200;

/** Ends what is left of a program: its group, session and descendants, if the boot is still the same. */
export async function endProgram(program: ProcessIdentity): Promise<void> {
  const self = identifyProcess();
  if (self === undefined || program.bootId !== self.bootId) return;
  const now = readProcessTable().find(({ pid }) => pid === program.pid);
  // Another process has that number by now: what has it as its group was not started by this run.
  if (now !== undefined && now.startTime !== program.startTime) return;
  await createProcessTree(program.pid).end(GRACE_MS);
}

/**
 * Ends a run's activation if it is still running, whoever has started it, so that nothing works against the undo. A boot loader's
 * installer gets time to end by itself: half a boot menu is worse than none.
 */
export async function stopActivation(
  { exec, clock }: { exec: Exec; clock: Clock },
  run: Pick<RunLayout, "process" | "activationStatus">,
  { activation, stage, host }: Pick<ArmedDeadman, "activation" | "stage" | "host">,
): Promise<void> {
  const read = await readUntrustedJson(run.process, RunProcess);
  const child = read.kind === "ok" ? read.value.child : null;
  if (stage === "permanent") {
    const isAtWork = async () => (child !== null && isAlive(child)) || (await isUnitActive(exec, activation.unit, host));
    for (let waited = 0; waited < INSTALLER_LIMIT && (await isAtWork()); waited += POLL_MS) await wait(clock, POLL_MS);
  }
  // The launcher first: a service manager that was not asked yet is not asked any more.
  if (child !== null && (stage === "permanent" || !(await exists(run.activationStatus)))) await endProgram(child);
  await stopUnit(exec, activation.unit, host);
}
