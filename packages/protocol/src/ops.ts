import * as z from "zod";
import { Commit, SpecialisationName, StorePath } from "./ids.ts";
import type { Phase, Role } from "./words.ts";

const minute = 60_000;

export interface OpDeclaration {
  /** The verb on a button. */
  readonly label: string;
  /** One sentence for the page: its effect on the host. */
  readonly help: string;
  /** Who runs it: the host's agent, or the dashboard itself, whose runs have no host. */
  readonly runsOn: "host" | "dashboard";
  /** Shape of the arguments. Strict: unknown arguments are rejected. */
  readonly args: z.ZodObject;
  /** Checks before a run of it starts; each can refuse with a code of `refusals.ts`. `force` skips the skippable ones. */
  readonly preChecks: readonly ("target-known" | "not-already-current")[];
  /** Condition on facts read after the run's end for the run to count as succeeded. */
  readonly postCheck: "clone-at-commit" | "system-is-closure" | "none";
  /** Phases in order, to show which are still to come. */
  readonly phases: readonly Phase[];
  /** Milliseconds from its start on the host until it is stopped. At half of it the run is marked slow. */
  readonly deadline: number;
  /** Can be queued while the host is not connected. */
  readonly queueable: boolean;
  /** The lowest role that may start it. */
  readonly role: Role;
  /** The person must confirm their password before it starts. */
  readonly secondFactor: boolean;
  /** Possible consequences of cancelling it in a phase, shown before the person confirms. */
  readonly cancelWarning: Partial<Record<Phase, string>>;
}

const noArgs = z.strictObject({});
const generationNumber = z.number().int().min(0).max(999_999_999);

/**
 * Every op. Nothing else enumerates ops: dashboard, agent, page and command line read this table.
 * An argument is plain data of a closed shape: no path, no process id, no shell text, no environment (R10).
 */
export const OPS = {
  pull: {
    label: "Pull",
    help: "Fetches the config repository into the agent's own clone and checks out the target commit. The running system does not change.",
    runsOn: "host",
    args: z.strictObject({ commit: Commit.optional() }),
    preChecks: ["target-known"],
    postCheck: "clone-at-commit",
    phases: ["fetch"],
    deadline: 5 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
  preview: {
    label: "Preview",
    help: "Evaluates and builds the host's configuration at the target commit and shows what a switch would change. The running system does not change.",
    runsOn: "host",
    args: z
      .strictObject({
        commit: Commit.optional(),
        generation: generationNumber.optional().describe("Preview this generation instead of building a commit"),
        against: generationNumber.optional().describe("Compare with this generation instead of the running system"),
      })
      .refine(({ commit, generation }) => commit === undefined || generation === undefined, {
        error: "preview a commit or a generation, not both",
      }),
    preChecks: ["target-known"],
    postCheck: "none",
    phases: ["fetch", "verify", "evaluate", "build", "diff"],
    deadline: 60 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
  switch: {
    label: "Switch",
    help: "Builds the host's configuration at the target commit and activates it.",
    runsOn: "host",
    args: z.strictObject({
      mode: z.enum(["switch", "boot", "test"]).default("switch"),
      commit: Commit.optional(),
      closure: StorePath.optional().describe("Activate only if the commit builds exactly this closure, as a preview showed it"),
      specialisation: SpecialisationName.nullable()
        .optional()
        .describe("Activate this specialisation, null: none; absent: keep the one that runs. Not in mode boot"),
    }),
    preChecks: ["target-known", "not-already-current"],
    postCheck: "system-is-closure",
    phases: ["fetch", "verify", "evaluate", "build", "diff", "activate", "confirm"],
    deadline: 60 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {
      activate:
        "The activation stops immediately, which can leave services stopped. If its dead-man switch is on, the host then goes back to the previous system.",
      confirm: "The activation is not confirmed: the host goes back to the previous system.",
    },
  },
  rollback: {
    label: "Roll back",
    help: "Activates an earlier generation with that generation's own activation script.",
    runsOn: "host",
    args: z.strictObject({ generation: generationNumber }),
    preChecks: [],
    postCheck: "system-is-closure",
    phases: ["diff", "activate", "confirm"],
    deadline: 15 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {
      activate:
        "The activation stops immediately, which can leave services stopped. If its dead-man switch is on, the host then goes back to the previous system.",
      confirm: "The activation is not confirmed: the host goes back to the previous system.",
    },
  },
  test: {
    label: "Run tests",
    help: "Runs the host's own tests, hosts/<host>/tests/T*.sh in the config repository, at the commit that the host's clone is at.",
    runsOn: "host",
    args: z.strictObject({}),
    preChecks: [],
    postCheck: "none",
    phases: ["test"],
    deadline: 10 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
  reboot: {
    label: "Reboot",
    help: "Reboots the machine. The run ends when the host is back after the reboot.",
    runsOn: "host",
    args: noArgs,
    preChecks: [],
    postCheck: "none",
    phases: ["reboot"],
    deadline: 10 * minute,
    queueable: false,
    role: "operator",
    secondFactor: true,
    cancelWarning: { reboot: "The reboot was already requested: the machine will probably still go down." },
  },
  "collect-garbage": {
    label: "Collect garbage",
    help: "Removes old generations and unneeded store paths. The running, the booted and the last known good generation stay.",
    runsOn: "host",
    args: z.strictObject({
      keepDays: z.number().int().min(0).max(3650).default(30).describe("Keep generations younger than this, in days"),
    }),
    preChecks: [],
    postCheck: "none",
    phases: ["collect"],
    deadline: 60 * minute,
    queueable: true,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
  refresh: {
    label: "Refresh",
    help: "Reads all facts of the host again and sends them.",
    runsOn: "host",
    args: noArgs,
    preChecks: [],
    postCheck: "none",
    phases: ["refresh"],
    deadline: minute,
    queueable: false,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
  "restart-agent": {
    label: "Restart agent",
    help: "Stops the agent's process; its service manager starts it again.",
    runsOn: "host",
    args: noArgs,
    preChecks: [],
    postCheck: "none",
    phases: ["restart"],
    deadline: 2 * minute,
    queueable: false,
    role: "operator",
    secondFactor: false,
    cancelWarning: {},
  },
} as const satisfies Record<string, OpDeclaration>;

export type OpName = keyof typeof OPS;
export const OpName = z.enum(Object.keys(OPS) as [OpName, ...OpName[]]);

/** An op with arguments of its own shape. */
export type OpRequest = { [N in OpName]: { op: N; args: z.output<(typeof OPS)[N]["args"]> } }[OpName];

/** Parses an op and its arguments, as received from a browser or over the link. */
export function parseOpRequest(
  op: string,
  args: unknown,
): { ok: true; request: OpRequest } | { ok: false; code: "op-unknown" | "arguments-invalid"; reason: string } {
  const name = OpName.safeParse(op);
  if (!name.success) return { ok: false, code: "op-unknown", reason: `Unknown op ${JSON.stringify(op)}.` };
  const parsed = OPS[name.data].args.safeParse(args);
  if (!parsed.success) return { ok: false, code: "arguments-invalid", reason: z.prettifyError(parsed.error) };
  return { ok: true, request: { op: name.data, args: parsed.data } as OpRequest };
}

/** The declaration of an op, with a type that is the same for all ops. */
export function opDeclaration(op: OpName): OpDeclaration {
  return OPS[op];
}
