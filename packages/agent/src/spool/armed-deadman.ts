import { Platform, RunId, StorePath, Timestamp } from "@nixfleet/protocol";
import * as z from "zod";
import { ActivationRecord } from "./shapes.ts";

const word = z.string().max(4000);
const variables = z.record(z.string(), z.string().max(10_000));
const unit = z.string().max(200).nullable();
const program = () => z.object({ launcher: z.array(word).max(100), argv: z.array(word).min(1).max(100), env: variables, unit });

/** What both formats of the record have. */
const common = () =>
  z.object({
    runId: RunId,
    armedAt: Timestamp,
    until: Timestamp,
    back: StorePath.describe("The closure that ran before"),
    profile: StorePath.nullable().describe(
      "What the profile pointed to before; null: there was none, or it is not this agent's to set",
    ),
    failedUnits: z.array(z.string().max(256)).max(500).nullable().describe("Had failed before; null: it is not known"),
    asks: z
      .enum(["confirm", "health", "nothing"])
      .describe("What is asked of the dashboard afterwards: to confirm the run, whether it answers, or nothing"),
    host: z
      .object({ platform: Platform, hostname: z.string().max(255), systemRoot: word, env: variables })
      .describe("By which it is read what runs, without any setting of the agent"),
    activation: ActivationRecord.unwrap(),
    restarted: z
      .literal(true)
      .optional()
      .describe("The daemon was told to make way for the agent that was activated: an undo has to restore the one before"),
    timer: unit.describe("The transient unit that undoes; null: a process of its own does"),
  });

/** As agents wrote it that set profile and boot entry before they activated. */
const FirstFormat = z.lazy(() =>
  common().extend({
    format: z.undefined().optional(),
    bootId: z.string().max(100),
    undo: z.array(program()).min(1).max(10),
  }),
);

/**
 * `deadman.json`: there while the dead-man switch is armed. It holds all that an undo needs, so that neither this agent nor the
 * one that it activated has to work for it.
 *
 * An agent of the first format can be the one that finds this, after a rollback to an older agent: see `withFirstFormat`.
 */
export const ArmedDeadman = z.lazy(() =>
  common().extend({
    format: z.literal(2),
    armedIn: z.string().max(100).describe("The boot in which it was armed. Another one is evidence enough: nobody confirmed"),
    window: z.number().int().min(0).describe("Milliseconds of one confirm window"),
    windows: z.number().int().min(1).describe("So many of them it lasts: a dashboard that is away extends it"),
    timers: z.number().int().min(1).describe("So many timers were started for it"),
    dueAt: z.number().min(0).nullable().describe("When it undoes, by the monotonic clock of the boot; null: as `until` says"),
    stage: z
      .enum(["activation", "permanent"])
      .describe("How far the deployment may have come: profile and boot entry are touched in the second alone"),
    excepted: z.array(z.string().max(300)).max(500).describe("What differed before already (`Difference.what`)"),
    ignoredUnits: z.array(z.string().max(256)).max(500).describe("May fail"),
    undo: z
      .array(program().extend({ kind: z.enum(["activation", "profile", "boot-entry"]) }))
      .min(1)
      .max(10),
  }),
);
export type ArmedDeadman = z.infer<typeof ArmedDeadman>;

/** Both formats; the first one is read as the second. */
export const ArmedRecord = z.lazy(() => z.union([ArmedDeadman, FirstFormat]).transform(upgrade));

/**
 * The record with what an agent of the first format reads. Such an agent would confirm and never make anything permanent, so it is
 * told of a boot that never was: then it runs all of `undo`, whatever it finds.
 */
export function withFirstFormat(armed: ArmedDeadman): unknown {
  return { ...armed, bootId: "undone by agents of the first format" };
}

function upgrade(read: ArmedDeadman | z.infer<typeof FirstFormat>): ArmedDeadman {
  if (read.format === 2) return read;
  const { bootId, ...known } = read;
  return {
    ...known,
    format: 2,
    armedIn: bootId,
    window: Math.max(0, read.until - read.armedAt),
    windows: 1,
    timers: 1,
    dueAt: null,
    stage: "permanent",
    excepted: [],
    ignoredUnits: [],
    undo: read.undo.map((step) => ({ ...step, kind: firstFormatKind(step.argv) })),
  };
}

/** Its steps had no kind. What is not known is one that is always run. */
function firstFormatKind(argv: readonly string[]): ArmedDeadman["undo"][number]["kind"] {
  if (argv[0] === "nix-env" || argv.includes("nixfleet-profile")) return "profile";
  return argv.at(-1) === "test" ? "activation" : "boot-entry";
}
