import type { Commit, Outcome } from "@nixfleet/protocol";
import type { CommitRefusal } from "../git/clone.ts";
import type { RunContext } from "./context.ts";
import type { KnownGeneration } from "./generations.ts";

/** What a commit is taken out for: to be activated, or to be evaluated or have its scripts run and nothing more. */
export type CommitUse = "activate" | "run";

export interface RewindPolicy {
  /** The host's configuration asks for signed commits. */
  signed: boolean;
  allowRewind: boolean;
  /** The person insists. */
  force: boolean;
}

/** What is known of the commits that this host had. */
export interface CommitHistory {
  /** Deployed here last, by the ledger. */
  deployed: Commit | undefined;
  /** What the running system says it was built from. Undefined, too, if the clone does not know that commit. */
  running: Commit | undefined;
  /** Of the branch, as fetched last. */
  tip: Commit;
}

/** A commit that a host does not go behind. `from`: how that is known. */
export type Floor = { from: keyof CommitHistory; commit: Commit };

/**
 * The commits from which a commit has to descend, or which it has to be (R56). A host that takes signed commits only and never goes
 * back has a floor for whatever runs something of a commit, and always one: without a ledger and a known revision it is the tip of
 * the branch. Any other host has one for activations only: what was deployed last.
 */
export function commitFloors(use: CommitUse, policy: RewindPolicy, { deployed, running, tip }: CommitHistory): Floor[] {
  const ledger: Floor[] = deployed === undefined ? [] : [{ from: "deployed", commit: deployed }];
  if (isStrict(policy)) {
    const known: Floor[] = running === undefined ? ledger : [...ledger, { from: "running", commit: running }];
    return known.length > 0 ? known : [{ from: "tip", commit: tip }];
  }
  const mayGoBack = policy.allowRewind && policy.force;
  return use === "activate" && !mayGoBack ? ledger : [];
}

/**
 * Whether a host may go to one of its generations: a closure that has been here, so that no floor is needed where commits are not
 * checked. Where they are, it takes the permission to go back, and a commit that passes as signed today; a person on the host itself
 * chooses among what this machine has already run.
 */
export function generationNeeds(
  { signed, allowRewind }: Pick<RewindPolicy, "signed" | "allowRewind">,
  isByHand: boolean,
): "nothing" | "signed-commit" | "refused" {
  if (!signed || isByHand) return "nothing";
  return allowRewind ? "signed-commit" : "refused";
}

function isStrict({ signed, allowRewind }: Pick<RewindPolicy, "signed" | "allowRewind">): boolean {
  return signed && !allowRewind;
}

/** Reads what is known of this host's commits, once for a run. */
export interface RewindGuard {
  /** The clone does not know enough to tell what is a step back: the branch has to be fetched first. */
  mustFetch(): Promise<boolean>;
  /** Why a commit of the branch must not be taken out: it would be a step back. */
  refuse(commit: Commit, tip: Commit): Promise<CommitRefusal | undefined>;
}

export async function createRewindGuard(context: RunContext, use: CommitUse): Promise<RewindGuard> {
  const { clone, ledger, deps } = context;
  const policy = policyOf(context);
  const strict = isStrict(policy);
  const deployed = (await ledger.read()).findLast(({ commit }) => commit !== null)?.commit ?? undefined;
  const revision = strict ? (await deps.platform.readFacts()).running?.revision : undefined;
  const isKnown = (commit: Commit) => clone.contains(commit, commit);
  return {
    async mustFetch() {
      if (!strict) return false;
      const named = [deployed, revision].filter((commit) => commit !== undefined);
      for (const commit of named) if (!(await isKnown(commit))) return true;
      return named.length === 0;
    },
    async refuse(commit, tip) {
      const running = revision !== undefined && (await isKnown(revision)) ? revision : undefined;
      for (const floor of commitFloors(use, policy, { deployed, running, tip })) {
        if (!(await clone.contains(commit, floor.commit))) return { code: "not-fast-forward", reason: reasonOf(commit, floor) };
      }
      return undefined;
    },
  };
}

function policyOf({ deps: { config }, request }: RunContext): RewindPolicy {
  return { signed: config.signing.required, allowRewind: config.allowRewind, force: request.force };
}

function reasonOf(commit: Commit, floor: Floor): string {
  switch (floor.from) {
    case "deployed":
      return `${commit} is not a descendant of ${floor.commit}, which was deployed here last.`;
    case "running":
      return `${commit} is not a descendant of ${floor.commit}, which the running system was built from.`;
    case "tip":
      return `Nothing is known of what was deployed here, so only the newest commit of the branch is accepted: ${floor.commit}, not ${commit}.`;
  }
}

/** Why this host does not run anything of one of its generations; undefined: it may. */
export async function refuseGeneration(
  context: RunContext,
  { commit }: KnownGeneration,
  generation: number,
  check: (commit: Commit) => Promise<string | undefined>,
): Promise<Extract<Outcome, { state: "refused" }> | undefined> {
  switch (generationNeeds(policyOf(context), context.request.byHand === true)) {
    case "nothing":
      return undefined;
    case "refused": {
      const reason = `This host accepts signed commits only and never goes back; generation ${generation} would be a step back.`;
      return { state: "refused", code: "not-fast-forward", reason };
    }
    case "signed-commit": {
      const unknown = `It is not known which commit generation ${generation} was built from, and this host accepts signed commits only.`;
      const distrust = commit === null ? unknown : await check(commit);
      return distrust === undefined ? undefined : { state: "refused", code: "unsigned-commit", reason: distrust };
    }
  }
}
