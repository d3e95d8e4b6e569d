import {
  type Commit,
  type Deployment,
  deployedClosure,
  type Facts,
  type Generation,
  type GenerationView,
  type HostRow,
  type NextAction,
  PLATFORM_TRAITS,
  REFUSALS,
} from "@nixfleet/protocol";

/** A deployment from this dashboard, and its actor. */
export interface DeploymentBy extends Deployment {
  readonly by: string;
}

/** Facts about a host. */
export interface GenerationsInput {
  readonly facts: Pick<Partial<Facts>, "generations" | "running" | "profile" | "booted">;
  readonly platform: HostRow["platform"];
  /** Newest first. */
  readonly deployments: readonly DeploymentBy[];
  readonly row: Pick<HostRow, "deniedOps"> & { readonly reachability: Pick<HostRow["reachability"], "state"> };
}

/** A host's generations without commit subjects, newest first: by number, not by name (R34). */
export function generations(input: GenerationsInput): Omit<GenerationView, "subject">[] {
  const known = [...(input.facts.generations ?? [])].sort((a, b) => b.number - a.number);
  const marksByNumber = marks(input, known);
  return known.map((generation) => {
    const { number, at, closure = null } = generation;
    const deployment = deploymentOf(generation, input.deployments);
    return {
      number,
      at,
      closure,
      commit: commitOf(generation, input.deployments),
      by: deployment?.by ?? null,
      runId: deployment?.runId ?? null,
      marks: [...(marksByNumber.get(number) ?? [])],
      ...rollbackOf(generation, input),
    };
  });
}

type Mark = GenerationView["marks"][number];

function marks({ facts, platform, deployments }: GenerationsInput, known: readonly Generation[]): Map<number, Mark[]> {
  const found = new Map<number, Mark[]>();
  const mark = (number: number | undefined, as: Mark) => {
    if (number !== undefined) found.set(number, [...(found.get(number) ?? []), as]);
  };
  const current = facts.profile?.generation ?? known.find((generation) => generation.current)?.number;
  /** Several generations may have one closure: the current one counts before the newest. */
  const numberOf = (closure: string | undefined) => {
    const same = closure === undefined ? [] : known.filter((generation) => generation.closure === closure);
    return (same.find(({ number }) => number === current) ?? same[0])?.number;
  };
  const { running } = facts;
  const deployed = running && deployedClosure(running);
  mark(numberOf(deployed), "running");
  if (PLATFORM_TRAITS[platform].bootsFromProfile) mark(current, "next-boot");
  mark(numberOf(facts.booted?.closure === running?.closure ? deployed : facts.booted?.closure), "booted");
  // Only confirmed activations are recorded, so the last one that was not a trial is known to be good.
  const lastGood = deployments.find(({ mode }) => mode !== "test");
  const byNumber = known.find(({ number, closure }) => number === lastGood?.generation && closure === lastGood.closure);
  mark(byNumber?.number ?? numberOf(lastGood?.closure), "last-known-good");
  return found;
}

/** The deployment that made a generation: the first with its number and closure; later ones rolled back to it. */
function deploymentOf({ number, closure }: Generation, deployments: readonly DeploymentBy[]): DeploymentBy | undefined {
  if (closure === undefined) return undefined;
  return deployments.findLast(
    (deployment) => deployment.closure === closure && (deployment.generation === undefined || deployment.generation === number),
  );
}

function commitOf({ commit, closure }: Generation, deployments: readonly DeploymentBy[]): Commit | null {
  if (commit !== undefined) return commit;
  return deployments.find((deployment) => deployment.closure === closure && deployment.commit !== null)?.commit ?? null;
}

function rollbackOf(
  { number, closure }: Generation,
  { facts, row }: GenerationsInput,
): { rollback: NextAction | null; denied: string | null } {
  if (closure === undefined) {
    return { rollback: null, denied: "Its closure was garbage-collected." };
  }
  const runs = facts.running !== undefined && closure === deployedClosure(facts.running);
  if (runs && (facts.profile === undefined || facts.profile.closure === closure)) return { rollback: null, denied: null };
  if (row.reachability.state === "never") return { rollback: null, denied: REFUSALS["host-offline"].sentence };
  const denied = row.deniedOps.rollback;
  if (denied !== undefined) return { rollback: null, denied };
  const offline = row.reachability.state !== "online";
  return {
    rollback: {
      kind: "start",
      label: offline ? `Queue roll back to ${number}` : `Roll back to ${number}`,
      op: "rollback",
      args: { generation: number },
      whenBlocked: offline ? "queue" : "refuse",
      compartment: null,
    },
    denied: null,
  };
}
