import { type CommitRelation, FAILURES, type FactProblem, REFUSALS, sentence, shortCommit } from "@nixfleet/protocol";
import { sourceTitle, undeclaredSource } from "../../sources/index.ts";
import type {
  Finding,
  HostInput,
  KnownTarget,
  RunFacts,
  RunsInput,
  SuggestedAction,
  TargetInput,
  UnknownSource,
} from "./input.ts";
import { count, finding, NOT_COMPARED } from "./wording.ts";

const pull: SuggestedAction = { label: "Pull", op: "pull", args: {} };

/** Is the agent's clone at the target? */
export function gitFinding({ facts }: HostInput, target: TargetInput, { lastFetch }: RunsInput): Finding {
  const { clone } = facts;
  if (lastFetch !== null && target.state === "known" && refusesAsUnsigned(lastFetch, target))
    return unsignedFinding(lastFetch, target);
  if (clone?.problem !== undefined) return fetchFailedFinding(clone.problem);
  if (target.state === "unknown-source") return otherSourceFinding(target);
  if (clone === undefined) return finding("unknown", "not yet", "The host has not reported its clone yet.");
  if (target.state !== "known") return noTargetFinding(target);
  if (clone.commit === null) {
    return finding("attention", "no clone", "The host has no clone of the config repository yet. A pull creates it.", {
      cause: { lead: "No clone yet", detail: "a pull creates it", since: null },
      action: pull,
    });
  }
  const standing = target.standings.get(clone.commit);
  const since = standing?.lackingSince ?? null;
  const pullNeeded = (word: string, text: string, lead: string): Finding =>
    finding("attention", word, text, { cause: { lead, detail: null, since }, action: pull });
  const at = `The clone is at ${shortCommit(clone.commit)}`;
  const goal = `the target, ${shortCommit(target.commit)}`;
  const relation: CommitRelation = standing?.relation ?? { kind: "unknown" };
  switch (relation.kind) {
    case "equal":
      // The fleet reports a stale target once; no host has anything to fix.
      if (target.stale) {
        return finding(
          "attention",
          "target stale",
          `${at}, the last known target. The config repository has not been read for a while.`,
        );
      }
      return finding("ok", "at target", `${at}, the target.`);
    case "behind": {
      const n = count(relation.behind, "commit");
      return pullNeeded(`${relation.behind} behind`, `${at}, ${n} behind ${goal}.`, `${n} behind`);
    }
    case "ahead": {
      const n = count(relation.ahead, "commit");
      return pullNeeded(
        `${relation.ahead} ahead`,
        `${at}, ${n} ahead of ${goal}. A pull moves it to the target.`,
        `${n} ahead of the target`,
      );
    }
    case "diverged":
      return pullNeeded(
        "diverged",
        `${at}: it has ${count(relation.ahead, "commit")} that ${goal}, does not have, and lacks ${relation.behind}. A pull moves it to the target.`,
        `Diverged from the target by ${relation.ahead} and ${relation.behind}`,
      );
    case "unknown":
      return pullNeeded(
        "not on branch",
        `${at}, which is not on the tracked branch of the config repository. A pull moves it to ${goal}.`,
        "At a commit that is not on the branch",
      );
  }
}

/** A newer target may be signed, so only a refusal of the current one counts. */
function refusesAsUnsigned({ state, code, commit }: RunFacts, target: KnownTarget): boolean {
  return state === "refused" && code === "unsigned-commit" && commit === target.commit;
}

function unsignedFinding({ endedAt, firstError }: RunFacts, target: KnownTarget): Finding {
  const { next } = REFUSALS["unsigned-commit"];
  const text = `The host refuses the target, ${shortCommit(target.commit)}: it is not signed by a key that the host's own configuration trusts. ${next}`;
  return finding("broken", "unsigned", text, {
    cause: { lead: "The host refuses an unsigned commit", detail: firstError, since: endedAt },
    note: "refuses an unsigned commit",
    // Useful after the host's configuration was changed by hand; a commit that is signed again is a new target.
    action: { ...pull, label: "Retry" },
  });
}

/** No op helps: the dashboard's settings or the host's configuration must be changed. */
function otherSourceFinding(source: UnknownSource): Finding {
  return finding("attention", "other source", undeclaredSource(source), {
    cause: { lead: "Follows a source that is not declared here", detail: sourceTitle(source), since: null },
    note: "follows a source that is not declared here",
  });
}

/** The answer of every compartment that has no target to compare with. */
export function noTargetFinding(target: Exclude<TargetInput, KnownTarget>): Finding {
  if (target.state === "unknown-source") {
    return finding("unknown", NOT_COMPARED, `Not compared. ${undeclaredSource(target)}`);
  }
  if (target.state === "not-configured") {
    return finding("unknown", "no target", "No config repository is configured: set NIXFLEET_REPO_URL on the dashboard.");
  }
  const why = target.problem === null ? "" : ` ${sentence(target.problem)}`;
  return finding("unknown", "no target", `The target is not known: the config repository has not been read yet.${why}`);
}

function fetchFailedFinding(problem: FactProblem): Finding {
  const words: Partial<Record<FactProblem["code"], string>> = {
    "clone-corrupt": "clone damaged",
    "branch-missing": "no branch",
    "disk-full": "disk full",
  };
  const word = words[problem.code] ?? "cannot fetch";
  const { next, sentence: lead } = FAILURES[problem.code];
  return finding("broken", word, `${sentence(problem.message)} ${next}`, {
    cause: { lead: lead.replace(/\.$/, ""), detail: problem.message, since: problem.at },
    note: word,
    action: { ...pull, label: "Retry" },
  });
}
