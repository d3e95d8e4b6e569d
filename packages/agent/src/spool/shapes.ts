import {
  Commit,
  FactProblem,
  FailureCode,
  MAX_SPOOL_WRITERS,
  Outcome,
  RunId,
  SpoolWriter,
  SpoolWriterId,
  StorePath,
  Timestamp,
} from "@nixfleet/protocol";
import { processIdentitySchema } from "@nixfleet/runtime";
import * as z from "zod";

// Built when a file is read by them (`z.lazy`): most of these files are seldom there.

/** Largest file that one side takes from the other, in bytes (events apart: those are read in pieces). */
export const MAX_FILE_BYTES = 256 * 1024;

/** `queue/<run id>.json`: what the dashboard asked for, as the daemon got it. The runner judges op and arguments itself. */
export const RunRequest = z.lazy(() =>
  z.strictObject({
    runId: RunId,
    op: z.string().max(40),
    args: z.record(z.string().max(40), z.unknown()),
    commit: Commit.nullable(),
    deadline: z.number().int().min(1000).max(604_800_000).describe("Milliseconds from the runner's start until it ends the run"),
    askedBy: z.string().max(100),
    force: z.boolean(),
    receivedAt: Timestamp,
    confirmSecret: z.string().max(200).optional().describe("Shown to the dashboard when it is asked to confirm"),
  }),
);
export type RunRequest = z.infer<typeof RunRequest>;

/** `runs/<run id>/request.json`: what the runner took off the queue, or what a person asked for on the host itself. */
export const RequestRecord = z.lazy(() =>
  RunRequest.unwrap().extend({
    byHand: z.literal(true).optional().describe("A person's: no dashboard knows of it, so none is told of it"),
    writer: SpoolWriterId.optional().describe("The first writer of the spool; absent: an older agent's"),
  }),
);
export type RequestRecord = z.infer<typeof RequestRecord>;

/** `runs/<run id>/writers.json`: everybody who wrote the events, once there was a second one. */
export const SpoolWriters = z.lazy(() => z.array(SpoolWriter).max(MAX_SPOOL_WRITERS));

/** `cancel/<run id>`: who asks to stop it. */
export const CancelRecord = z.lazy(() => z.object({ by: z.string().max(100).optional() }));
export type CancelRecord = z.infer<typeof CancelRecord>;

/** `acked.json`: for each run, the last seq that the dashboard has stored. */
export const AcknowledgedSeqs = z.lazy(() => z.object({ runs: z.record(RunId, z.number().int().min(0)) }));
export type AcknowledgedSeqs = z.infer<typeof AcknowledgedSeqs>;

/** `daemon.json`: the daemon that acts for this host. `connectedAt` is null until the dashboard has welcomed this instance. */
export const DaemonStatus = z.lazy(() =>
  z.object({
    instance: z.string().min(1).max(200),
    process: processIdentitySchema,
    startedAt: Timestamp,
    connectedAt: Timestamp.nullable(),
  }),
);
export type DaemonStatus = z.infer<typeof DaemonStatus>;

/** `runs/<run id>/outcome.json`: there once the run is over, never before all of its events are on the disk. */
export const RunOutcome = z.lazy(() => z.object({ outcome: Outcome, lastSeq: z.number().int().min(1), endedAt: Timestamp }));
export type RunOutcome = z.infer<typeof RunOutcome>;

/** An activation that was begun: what it deploys, and the service unit that it runs in, if any. */
export const ActivationRecord = z.lazy(() =>
  z.object({
    closure: StorePath,
    commit: Commit.nullable(),
    mode: z.enum(["switch", "boot", "test"]),
    unit: z.string().max(200).nullable(),
    generation: z.number().int().min(0).optional().describe("The generation that was chosen; absent: there will be a new one"),
    specialisation: z
      .object({ name: z.string().max(100), closure: StorePath })
      .optional()
      .describe("What of the closure is activated; profile and boot entry are the closure's own"),
  }),
);
export type ActivationRecord = z.infer<typeof ActivationRecord>;

/** `runs/<run id>/undo.json`: an activation was undone, or that was tried. Its output is in `undo.log` beside it. */
export const UndoRecord = z.lazy(() =>
  z.object({
    why: z
      .enum(["runner", "timer", "boot", "person"])
      .describe("Who undid it: the run itself, the dead-man switch, a boot, a person"),
    startedAt: Timestamp,
    endedAt: Timestamp.nullable().describe("Null: it is running, or was killed at it"),
    cause: z
      .object({ code: FailureCode, reason: z.string().max(2000) })
      .nullable()
      .describe("What the run found wrong; null: nobody who could tell was there"),
    back: StorePath.describe("What was to be restored"),
    child: processIdentitySchema.nullable().describe("The program of it that is running"),
    exitCodes: z.array(z.number().int().nullable()).max(10).describe("Of each program, in order; null: it did not end by itself"),
    running: StorePath.nullable().describe("What ran afterwards"),
    left: z.string().max(2000).nullable().describe("What is not as it was before, for a person; null: all is"),
  }),
);
export type UndoRecord = z.infer<typeof UndoRecord>;

/** `runs/<run id>/process.json`: replaced whenever a process of the run starts or ends. */
export const RunProcess = z.lazy(() =>
  z.object({
    runner: processIdentitySchema,
    startedAt: Timestamp,
    deadlineAt: Timestamp,
    child: processIdentitySchema.nullable(),
    activation: ActivationRecord.nullable(),
  }),
);
export type RunProcess = z.infer<typeof RunProcess>;

/** `clone.json`: what cannot be read from the clone itself. */
export const CloneState = z.lazy(() => z.object({ fetchedAt: Timestamp.nullable(), problem: FactProblem.nullable() }));
export type CloneState = z.infer<typeof CloneState>;

/** What the operating system lets the runner do, as it last found out (`AccessReading` in platforms/platform.ts). */
export const AccessRecord = z.object({
  program: z.string().max(1000),
  fullDisk: z.boolean(),
  apps: z.enum(["none", "allowed", "denied"]),
});
export type AccessRecord = z.infer<typeof AccessRecord>;
