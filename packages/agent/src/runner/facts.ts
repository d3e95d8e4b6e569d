import { type Deployment, type Facts, type FactsReading, SpecialisationName } from "@nixfleet/protocol";
import { createGit } from "@nixfleet/runtime";
import { readDeadmanFact } from "../deadman/record.ts";
import { type Clone, createClone } from "../git/clone.ts";
import { readCloneFacts } from "../git/clone-facts.ts";
import type { Platform, Specialisations, SystemFacts } from "../platforms/platform.ts";
import { findSpecialisation } from "../platforms/specialisations.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import type { RunnerDeps } from "./deps.ts";

/** The clone as one who only reads it sees it. */
export function createCloneOf({ config, exec, env }: Pick<RunnerDeps, "config" | "exec" | "env">): Clone {
  const { repoUrl, branch, credentials, runnerDir } = config;
  const git = createGit({ exec, env, repoUrl, credentials });
  return createClone({ git, dir: runnerLayout(runnerDir).clone, url: repoUrl, branch, log: () => {} });
}

export interface HostFactsDeps {
  clone: Clone;
  platform: Platform;
  runnerDir: string;
  branch: string;
  flakeDir: string;
  hostname: string;
  now: () => number;
}

/** What clone and platform tell of the host. `readAt` is before the first of them was read. */
export async function readHostFacts({ platform, ...deps }: HostFactsDeps): Promise<FactsReading> {
  const readAt = deps.now();
  const cloneFacts = await readCloneFacts(deps);
  const deadman = await readDeadmanFact(deps.runnerDir);
  return { readAt, facts: { ...cloneFacts, ...deadman, ...(await readSystemFacts(platform, deps.runnerDir)) } };
}

/** What the platform tells of its closures, with the commits that this project deployed. */
export async function readSystemFacts(platform: Platform, runnerDir: string): Promise<SystemFacts> {
  const facts = await platform.readFacts();
  const deployments = await createLedger(runnerLayout(runnerDir).deployments).read();
  const { generations, running } = facts;
  return {
    ...facts,
    ...(generations && { generations: generations.map((one) => withCommit(one, deployments)) }),
    ...(running &&
      platform.specialisations && { running: await withSpecialisation(running, facts, deployments, platform.specialisations) }),
  };
}

/** What a running closure is a specialisation of: what the profile names or this agent has deployed, else a generation. */
async function withSpecialisation(
  running: Facts["running"],
  { profile, generations = [] }: SystemFacts,
  deployments: readonly Deployment[],
  specialisations: Specialisations,
): Promise<Facts["running"]> {
  const deployed = deployments.map(({ closure }) => closure);
  const closures = [profile, ...deployments.toReversed(), ...generations.toReversed()].flatMap((one) => one?.closure ?? []);
  const found = await findSpecialisation(running.closure, { deployed, closures }, specialisations);
  const specialisation = found !== undefined && SpecialisationName.safeParse(found.name).success ? found : undefined;
  const names = (await specialisations.of(specialisation?.of ?? running.closure)).map(({ name }) => name);
  const usable = names.filter((name) => SpecialisationName.safeParse(name).success);
  return {
    ...running,
    ...(specialisation && { specialisation }),
    ...(usable.length > 0 && { specialisations: usable }),
  };
}

function withCommit(generation: Facts["generations"][number], deployments: readonly Deployment[]): Facts["generations"][number] {
  const deployment = deployments.findLast(({ closure }) => closure === generation.closure);
  return deployment === undefined || deployment.commit === null ? generation : { ...generation, commit: deployment.commit };
}
