import * as z from "zod";
import { Commit, StorePath } from "./ids.ts";
import type { Phase, Role } from "./words.ts";

const minute = 60_000;

export interface OpDeclaration {
  /** The verb on a button. */
  readonly label: string;
  /** One sentence for the page: what it does to the host. */
  readonly help: string;
  /** Who runs it: the host's agent, or the dashboard itself, whose runs have no host. */
  readonly runsOn: "host" | "dashboard";
  /** Shape of the arguments. Strict: an argument that the op does not know is a fault. */
  readonly args: z.ZodObject;
  /** What must hold before a run of it starts; each gives a refusal of `refusals.ts`. `force` skips those that are skippable. */
  readonly preChecks: readonly ("target-known" | "not-already-current")[];
  /** What facts newer than the run's end must show for the run to count as succeeded. */
  readonly postCheck: "clone-at-commit" | "system-is-closure" | "none";
  /** Phases in order, for drawing what is to come. */
  readonly phases: readonly Phase[];
  /** Milliseconds from its start on the host until it is ended there. At half of it the run is marked slow. */
  readonly deadline: number;
  /** May wait for a host that is not connected. */
  readonly queueable: boolean;
  /** The least role that may start it. */
  readonly role: Role;
  /** The person proves anew that it is them before it starts. */
  readonly secondFactor: boolean;
  /** What cancelling it in a phase can leave behind, said before the person confirms. */
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
    help: "Fetches the config repository into the agent's own clone and puts it at the target commit. Nothing that runs is changed.",
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
    help: "Evaluates and builds the host's configuration at the target commit and tells what a switch would change. Nothing that runs is changed.",
    runsOn: "host",
    args: z
      .strictObject({
        commit: Commit.optional(),
        generation: generationNumber.optional().describe("Looks at this generation instead of building a commit"),
        against: generationNumber.optional().describe("Compares with this generation instead of what runs"),
      })
      .refine(({ commit, generation }) => commit === undefined || generation === undefined, {
        error: "a commit or a generation is previewed, not both",
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
      closure: StorePath.optional().describe("Only if the commit builds exactly this, as a preview showed it"),
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
        "The activation is stopped where it stands, which can leave services stopped. The host then goes back to what ran before, where its dead-man switch is on.",
      confirm: "What was activated is not confirmed: the host goes back to what ran before.",
    },
  },
  rollback: {
    label: "Roll back",
    help: "Activates an earlier generation with that generation's own activator.",
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
        "The activation is stopped where it stands, which can leave services stopped. The host then goes back to what ran before, where its dead-man switch is on.",
      confirm: "What was activated is not confirmed: the host goes back to what ran before.",
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
    help: "Reboots the machine. The run ends when the host is back with a new boot.",
    runsOn: "host",
    args: noArgs,
    preChecks: [],
    postCheck: "none",
    phases: ["reboot"],
    deadline: 10 * minute,
    queueable: false,
    role: "operator",
    secondFactor: true,
    cancelWarning: { reboot: "The reboot has been asked for: the machine probably goes down all the same." },
  },
  "collect-garbage": {
    label: "Collect garbage",
    help: "Removes old generations and frees the store, never what runs, was booted, or was last known to be good.",
    runsOn: "host",
    args: z.strictObject({
      keepDays: z.number().int().min(0).max(3650).default(30).describe("Younger generations stay, in days"),
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
    help: "Reads every fact of the host anew and sends it.",
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
    help: "The agent's process ends and its service manager starts it anew.",
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

/** Reads an op and its arguments, as they come from a browser or over the link. */
export function parseOpRequest(
  op: string,
  args: unknown,
): { ok: true; request: OpRequest } | { ok: false; code: "op-unknown" | "arguments-invalid"; reason: string } {
  const name = OpName.safeParse(op);
  if (!name.success) return { ok: false, code: "op-unknown", reason: `There is no op ${JSON.stringify(op)}.` };
  const parsed = OPS[name.data].args.safeParse(args);
  if (!parsed.success) return { ok: false, code: "arguments-invalid", reason: z.prettifyError(parsed.error) };
  return { ok: true, request: { op: name.data, args: parsed.data } as OpRequest };
}

/** The declaration of an op, typed for those who handle any op alike. */
export function opDeclaration(op: OpName): OpDeclaration {
  return OPS[op];
}
