import { Commit, FactProblem, Outcome, RunId, StorePath, Timestamp } from "@nixfleet/protocol";
import { processIdentitySchema } from "@nixfleet/runtime";
import * as z from "zod";

/** Largest file that one side takes from the other, in bytes (events apart: those are read in pieces). */
export const MAX_FILE_BYTES = 256 * 1024;

/** `queue/<run id>.json`: what the dashboard asked for, as the daemon got it. The runner judges op and arguments itself. */
export const RunRequest = z.strictObject({
  runId: RunId,
  op: z.string().max(40),
  args: z.record(z.string().max(40), z.unknown()),
  commit: Commit.nullable(),
  deadline: z.number().int().min(1000).max(604_800_000).describe("Milliseconds from the runner's start until it ends the run"),
  askedBy: z.string().max(100),
  force: z.boolean(),
  receivedAt: Timestamp,
});
export type RunRequest = z.infer<typeof RunRequest>;

/** `acked.json`: for each run, the last seq that the dashboard has stored. */
export const Acknowledged = z.object({ runs: z.record(RunId, z.number().int().min(0)) });
export type Acknowledged = z.infer<typeof Acknowledged>;

/** `daemon.json`: the daemon that acts for this host. `connectedAt` is null until the dashboard has welcomed this instance. */
export const DaemonStatus = z.object({
  instance: z.string().min(1).max(200),
  process: processIdentitySchema,
  startedAt: Timestamp,
  connectedAt: Timestamp.nullable(),
});
export type DaemonStatus = z.infer<typeof DaemonStatus>;

/** `runs/<run id>/outcome.json`: there once the run is over, never before all of its events are on the disk. */
export const RunOutcome = z.object({ outcome: Outcome, lastSeq: z.number().int().min(1), endedAt: Timestamp });
export type RunOutcome = z.infer<typeof RunOutcome>;

/** An activation that was begun: what it deploys, and the service unit that it runs in, if any. */
export const BegunActivation = z.object({
  closure: StorePath,
  commit: Commit,
  mode: z.enum(["switch", "boot", "test"]),
  unit: z.string().max(200).nullable(),
});
export type BegunActivation = z.infer<typeof BegunActivation>;

/** `runs/<run id>/process.json`: replaced whenever a process of the run starts or ends. */
export const RunProcess = z.object({
  runner: processIdentitySchema,
  startedAt: Timestamp,
  deadlineAt: Timestamp,
  child: processIdentitySchema.nullable(),
  activation: BegunActivation.nullable(),
});
export type RunProcess = z.infer<typeof RunProcess>;

/** `clone.json`: what cannot be read from the clone itself. */
export const CloneState = z.object({ fetchedAt: Timestamp.nullable(), problem: FactProblem.nullable() });
export type CloneState = z.infer<typeof CloneState>;
