import type { Deployment, Facts, FactsReading } from "@nixfleet/protocol";
import { createGit } from "@nixfleet/runtime";
import { readDeadmanFact } from "../deadman/record.ts";
import { type Clone, createClone } from "../git/clone.ts";
import { readCloneFacts } from "../git/clone-facts.ts";
import type { Platform, SystemFacts } from "../platforms/platform.ts";
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
  if (facts.generations === undefined) return facts;
  const deployments = await createLedger(runnerLayout(runnerDir).deployments).read();
  return { ...facts, generations: facts.generations.map((one) => withCommit(one, deployments)) };
}

function withCommit(generation: Facts["generations"][number], deployments: readonly Deployment[]): Facts["generations"][number] {
  const deployment = deployments.findLast(({ closure }) => closure === generation.closure);
  return deployment === undefined || deployment.commit === null ? generation : { ...generation, commit: deployment.commit };
}
