import * as z from "zod";
import { Deployment, FactsReading } from "./facts.ts";
import { FailureCode } from "./failures.ts";
import { Commit, SpecialisationName, StorePath, Timestamp } from "./ids.ts";
import { RefusalCode } from "./refusals.ts";
import { plainText } from "./text.ts";
import { Phase } from "./words.ts";

/** Identifies who writes a spool: 128 random bits. */
export const SpoolWriterId = z.string().regex(/^[0-9a-f]{32}$/);

// Schemas here are built on first use (`z.lazy`): an idle daemon holds none of them in memory.

/** Longest piece of a line in characters; a longer line is split into pieces, all but the last with `continues` (R8). */
export const MAX_LINE_PIECE = 64 * 1024;

const stream = z.enum(["agent", "git", "nix", "build", "activation", "test"]);
const level = z.enum(["error", "warning", "noise"]);

/** A line of output. The text is unchanged, escape sequences included: a reader must render it as text. */
export const LogLine = z.lazy(() =>
  z.object({
    at: Timestamp,
    stream,
    text: z.string().max(MAX_LINE_PIECE),
    level: level.optional().describe("Noise: lines that Nix repeats for each path; the page folds them"),
    continues: z.literal(true).optional().describe("The line continues in the next one"),
  }),
);
export type LogLine = z.infer<typeof LogLine>;

const count = z.number().int().min(0);
const share = z.object({ done: count, expected: count });

/** The complete state of a build: a later progress replaces an earlier one. */
export const BuildProgress = z.lazy(() =>
  z.object({
    builds: share.extend({ running: count, failed: count }),
    copies: share.describe("Store paths fetched from caches"),
    bytes: share.describe("Bytes fetched"),
    now: z.array(z.object({ name: plainText(250), phase: plainText(60).optional(), since: Timestamp })).max(32),
  }),
);
export type BuildProgress = z.infer<typeof BuildProgress>;

const versions = z.array(plainText(100)).max(20);
const packageVersions = z.object({
  name: plainText(200),
  versions,
  size: count.optional().describe("Bytes of all its store paths in the closure"),
});

/** The differences between two closures, by package name. */
export const ClosureDiff = z.lazy(() =>
  z.object({
    from: z.string().max(512).nullable(),
    to: z.string().max(512),
    added: z.array(packageVersions).max(2000),
    removed: z.array(packageVersions).max(2000),
    changed: z
      .array(
        z.object({
          name: plainText(200),
          from: versions,
          to: versions,
          sizeBefore: count.optional(),
          sizeAfter: count.optional(),
        }),
      )
      .max(2000),
    sizeBefore: count.nullable(),
    sizeAfter: count,
  }),
);
export type ClosureDiff = z.infer<typeof ClosureDiff>;

const units = z.array(plainText(256)).max(500);

/** The effect of an activation on units, as reported by the new closure's `dry-activate`. */
export const UnitChanges = z.lazy(() => z.object({ stop: units, start: units, restart: units, reload: units }));
export type UnitChanges = z.infer<typeof UnitChanges>;

/** The effect of a switch to a closure, found without changing anything. The diff is a separate event. */
export const Preview = z.lazy(() =>
  z.object({
    commit: Commit.nullable().describe("The commit that was built; null: a generation whose commit is not known"),
    closure: StorePath,
    against: StorePath.nullable().describe("The closure it is compared with; null: the host runs none"),
    units: UnitChanges.nullable().describe("Null: not available on this platform"),
    reboot: z.object({ needed: z.boolean(), reasons: z.array(plainText(120)).max(50) }),
    agent: z.enum(["same", "changed", "missing"]).describe("Whether the closure contains this agent"),
    specialisation: z
      .object({
        running: SpecialisationName.nullable(),
        next: SpecialisationName.nullable().describe("A switch activates it; null: the configuration itself"),
      })
      .optional()
      .describe("Absent: the host runs none and a switch brings none, or an older agent"),
    lockOut: z
      .object({
        risks: z
          .array(plainText(500))
          .max(50)
          .describe("Ways into the host that it takes away, as sentences; a switch to it is refused"),
        unclear: z.array(plainText(500)).max(50).describe("Changes of which it cannot be told whether they lock somebody out"),
      })
      .optional()
      .describe("Absent: compared with what does not run, or from an older agent"),
  }),
);
export type Preview = z.infer<typeof Preview>;

export const TestResult = z.lazy(() =>
  z.object({
    script: plainText(200),
    outcome: z.enum(["passed", "failed", "timed-out", "cancelled"]),
    milliseconds: count,
    number: z.number().int().min(1),
    total: z.number().int().min(1),
  }),
);
export type TestResult = z.infer<typeof TestResult>;

/**
 * How a run ended on the host. A code that this version does not know becomes the general one: an agent can be newer than its dashboard,
 * and a run that could not be told would keep its host away. `reason` is one sentence; `firstError` is the line of a tool that a reader would point at.
 */
export const Outcome = z.lazy(() =>
  z.discriminatedUnion("state", [
    z.object({ state: z.literal("succeeded"), reason: plainText(500).optional() }),
    z.object({
      state: z.enum(["failed", "rolled-back", "timed-out"]),
      code: FailureCode.catch("internal"),
      reason: plainText(2000),
      firstError: plainText(2000).optional(),
      firstErrorLine: z.number().int().min(1).optional().describe("Its line in the log, from 1"),
      exitCode: z.number().int().optional(),
    }),
    z.object({ state: z.literal("cancelled"), reason: plainText(500) }),
    z.object({ state: z.literal("refused"), code: RefusalCode.catch("refused-by-host"), reason: plainText(2000) }),
  ]),
);
export type Outcome = z.infer<typeof Outcome>;

const body = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("started"),
      agentVersion: plainText(120),
      writer: SpoolWriterId.optional().describe("Who writes the events from here on"),
    }),
    z.object({ kind: z.literal("phase"), phase: Phase }).describe("This phase begins; the previous one has ended"),
    z.object({ kind: z.literal("command"), argv: z.array(z.string().max(4000)).min(1).max(100) }),
    z.object({ kind: z.literal("log"), lines: z.array(LogLine).min(1).max(2000) }),
    z.object({ kind: z.literal("progress"), progress: BuildProgress }),
    z.object({ kind: z.literal("diff"), diff: ClosureDiff }),
    z.object({ kind: z.literal("preview"), preview: Preview }),
    z
      .object({ kind: z.literal("armed"), until: Timestamp, back: StorePath })
      .describe("The dead-man switch is armed: unless confirmed by then, the host goes back to this closure"),
    z.object({ kind: z.literal("deployed"), deployment: Deployment }),
    z.object({ kind: z.literal("testResult"), result: TestResult }),
    z.object({ kind: z.literal("warning"), message: plainText(2000) }),
    z
      .object({ kind: z.literal("restart"), instance: z.string().max(200) })
      .describe("The daemon of this instance must exit, so that it is started again"),
    z
      .object({ kind: z.literal("finished"), outcome: Outcome, proof: FactsReading.optional() })
      .describe("The last event. The proof holds facts that the runner read after its work ended (R22)"),
  ]),
);

/** An event of a run: numbered from 1 without gaps by the runner, stored by (run, seq), never changed. */
export const RunEvent = z.lazy(() => z.intersection(z.object({ seq: z.number().int().min(1), at: Timestamp }), body));
export type RunEventBody = z.infer<typeof body>;
export type RunEvent = { seq: number; at: Timestamp } & RunEventBody;

/** The event bodies by kind. */
export type RunEventOf<K extends RunEventBody["kind"]> = Extract<RunEventBody, { kind: K }>;
