import * as z from "zod";
import { FailureCode } from "./failures.ts";
import { Commit, RunId, SpecialisationName, StorePath, Timestamp } from "./ids.ts";
import { plainText } from "./text.ts";
import { Platform } from "./words.ts";

const bytes = z.number().int().min(0);
const shortText = plainText(120);

/** Why a fact cannot be read: the failure, the tool's own message, and since when. */
export const FactProblem = z.object({ code: FailureCode.catch("internal"), message: plainText(2000), at: Timestamp });
export type FactProblem = z.infer<typeof FactProblem>;

/** An input of a `flake.lock`: its locked revision, and the date of that in milliseconds. */
export const LockInput = z.object({
  revision: plainText(80).optional(),
  lastModified: Timestamp.optional(),
  from: plainText(300).optional(),
});
export type LockInput = z.infer<typeof LockInput>;

export const Generation = z.object({
  number: z.number().int().min(0),
  at: Timestamp,
  closure: StorePath.optional(),
  commit: Commit.optional(),
  current: z.boolean(),
});
export type Generation = z.infer<typeof Generation>;

/**
 * The facts of a host. Each key is one fact, read and replaced as a whole; a fact that cannot be read is absent (R24).
 * `clone` (pulled), `running` (running) and the target, which only the dashboard knows, are never confused (R16).
 */
export const Facts = z.object({
  platform: Platform,
  system: shortText.describe("Nix system, such as x86_64-linux"),
  os: z.object({ name: shortText, version: shortText }),
  kernel: shortText,
  nix: shortText.describe("Nix's version"),
  boot: z.object({ id: shortText, at: Timestamp }),
  cores: z.number().int().min(1),
  memoryTotal: bytes,
  agent: z.object({
    version: shortText,
    revision: plainText(64).optional().describe("Source commit that this agent was built from"),
    storePath: StorePath.optional().describe("Store path that this agent runs from"),
    installedPath: StorePath.optional().describe("Store path of the agent that the running configuration installs"),
    startedAt: Timestamp,
  }),
  clone: z.object({
    commit: Commit.nullable().describe("Commit that the agent's own clone is at; null before the first pull"),
    branch: plainText(250),
    fetchedAt: Timestamp.optional(),
    problem: FactProblem.optional(),
  }),
  lock: z.union([
    z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/), inputs: z.record(z.string().max(100), LockInput) }),
    z.object({ problem: FactProblem }),
  ]),
  running: z.object({
    closure: StorePath.describe("Resolved from /run/current-system, or from the platform's own link"),
    revision: Commit.optional().describe("configurationRevision of the running system, if clean"),
    since: Timestamp.optional(),
    specialisation: z
      .object({ name: SpecialisationName, of: StorePath.describe("The closure that was deployed") })
      .optional()
      .describe("Which specialisation it is, and of what; absent: of none that is known"),
    specialisations: z.array(SpecialisationName).max(100).optional().describe("Those that what is deployed has"),
  }),
  booted: z.object({ closure: StorePath }),
  profile: z.object({ closure: StorePath, generation: z.number().int().min(0).optional() }),
  generations: z.array(Generation).max(500),
  reboot: z.object({ needed: z.boolean(), reasons: z.array(shortText).max(50) }),
  undoAtBoot: z
    .enum(["ready", "lost"])
    .describe("lost: a reboot forgets an unconfirmed switch, since what would undo it is in memory only"),
  deadman: z
    .object({ runId: RunId, until: Timestamp, back: StorePath.describe("Where the host goes back to") })
    .nullable()
    .describe("The armed dead-man switch; null: none is armed"),
  failedUnits: z.array(plainText(256)).max(200),
  tests: z.object({ defined: z.number().int().min(0) }).describe("Scripts of this host's own tests in the clone"),
  problems: z.array(FactProblem).max(20).describe("Problems that keep this agent from working, found when it started"),
});
export type Facts = z.infer<typeof Facts>;
/** The closure of a deployment that runs: what runs, or what it is a specialisation of. */
export function deployedClosure(running: Facts["running"]): StorePath {
  return running.specialisation?.of ?? running.closure;
}
export type FactName = keyof Facts;
export const FACT_NAMES = Object.keys(Facts.shape) as FactName[];

/** Facts and the time at which they were read. An older reading never replaces a newer one. */
export const FactsReading = z.lazy(() => z.object({ readAt: Timestamp, facts: Facts.partial() }));
export type FactsReading = z.infer<typeof FactsReading>;

const usage = z.object({ used: bytes, total: bytes });

/** One measurement. A value that cannot be read is absent; zero means a measured zero (R24). */
export const Metrics = z.lazy(() =>
  z.object({
    at: Timestamp,
    cpu: z.number().min(0).max(1).optional().describe("Share of all cores in use since the previous measurement"),
    load: z.number().min(0).optional().describe("Load average of the last minute"),
    memory: usage.optional(),
    swap: usage.optional(),
    disks: z
      .array(usage.extend({ mount: plainText(100) }))
      .max(20)
      .optional(),
    network: z
      .object({ in: z.number().min(0), out: z.number().min(0) })
      .optional()
      .describe("Bytes per second"),
  }),
);
export type Metrics = z.infer<typeof Metrics>;

/** The policy in the host's own configuration. The host enforces it, the dashboard shows it. */
export const HostPolicy = z.lazy(() =>
  z.object({
    allowedOps: z.array(z.string().max(40)).max(100),
    allowRewind: z.boolean(),
    signed: z.boolean().default(false).describe("Only commits signed by a key that this configuration trusts"),
    confirmTimeout: z.number().int().min(0).max(3600).default(0).describe("Seconds; 0: the dead-man switch is off"),
  }),
);
export type HostPolicy = z.infer<typeof HostPolicy>;

/** Settings of the agent that the page shows, read-only. */
export const HostSettings = z.lazy(() =>
  z.object({
    tags: z.array(plainText(40)).max(50),
    location: plainText(40),
    deviceType: plainText(40),
    themeColor: z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/)
      .nullable(),
    interval: z.number().min(1).max(3600).describe("Seconds between metrics while watched"),
    repoUrl: plainText(500).describe("The config repository that the host follows"),
    branch: plainText(250).optional().describe("Its branch; older agents send it in the fact `clone` only"),
    flakeDir: plainText(200).optional().describe("Its folder with the flake; absent or empty: its root"),
  }),
);
export type HostSettings = z.infer<typeof HostSettings>;

/** The runner's record of an activation. */
export const Deployment = z.lazy(() =>
  z.object({
    closure: StorePath,
    commit: Commit.nullable().describe("Null: the commit of this generation is not known"),
    runId: RunId,
    at: Timestamp,
    generation: z.number().int().min(0).optional(),
    mode: z.enum(["switch", "boot", "test"]),
  }),
);
export type Deployment = z.infer<typeof Deployment>;
