import { canCutOff, deployedClosure, PLATFORM_TRAITS, sentence, shortCommit, storeName } from "@nixfleet/protocol";
import { noTargetFinding } from "./git.ts";
import type { Finding, HostInput, KnownTarget, RunFacts, RunsInput, SuggestedAction, TargetInput } from "./input.ts";
import { runningCommit, runningSystem, runsCommit } from "./running.ts";
import { switchFailure } from "./switch-failure.ts";
import { count, finding, NOT_PROVEN } from "./wording.ts";

const switchNow: SuggestedAction = { label: "Switch", op: "switch", args: {} };
const reboot: SuggestedAction = { label: "Reboot", op: "reboot", args: {} };
/** Time that an undo may take after the end of its window, clock differences included, before it is overdue. In milliseconds. */
const UNDO_TIME = 3 * 60_000;

/** When an armed dead-man switch without an active run becomes overdue; null: none is armed. */
export function undoOverdueAt({ deadman }: HostInput["facts"]): number | null {
  return deadman == null ? null : deadman.until + UNDO_TIME;
}

/** Results of Git and Lock: System is green only if both are. */
export interface PrecedingAnswers {
  readonly cloneAtTarget: boolean;
  readonly lockEqual: boolean;
}

/** Does the host run what the target builds? By store path, never by name (R17). */
export function systemFinding(
  host: HostInput,
  target: TargetInput,
  { active, lastFetch, lastSwitch }: RunsInput,
  preceding: PrecedingAnswers,
  now: number,
): Finding {
  const armed = armedFinding(host, active, now);
  if (armed !== null) return armed;
  const failure = lastSwitch === null ? null : switchFailure(host, lastSwitch, target);
  if (failure !== null) return failure;
  // A switch from here would use a target that is not the host's: suggest nothing, even if it drifted.
  if (target.state === "unknown-source") return noTargetFinding(target);
  const running = runningSystem(host);
  if (running.kind === "unknown") return neverSwitchedFinding(host);
  const refused = target.state === "known" && !runsCommit(host, target.commit) ? refusedFinding(lastFetch, target) : null;
  if (refused !== null) return refused;
  const { since = null } = host.facts.running ?? {};
  if (running.kind === "foreign") {
    const text = running.drift
      ? `${describeDrift(host, running.closure)} A switch brings it back to the target.`
      : "The running system was deployed outside NixFleet and does not name its commit. A switch brings it to the target.";
    const lead = running.drift ? "Switched by something else" : "Deployed outside NixFleet";
    return finding("attention", running.drift ? "drift" : "from outside", text, {
      cause: { lead, detail: "the running closure belongs to no known commit", since },
      note: lead.toLowerCase().replace("nixfleet", "NixFleet"),
      // While the clone is behind, Git suggests a pull first.
      action: switchNow,
    });
  }
  if (target.state !== "known") return noTargetFinding(target);
  if (!preceding.cloneAtTarget || !preceding.lockEqual) {
    return finding("unknown", "not yet", "Checked after the next pull.");
  }
  if (!runsCommit(host, target.commit)) return notSwitchedFinding(host, target);
  return target.stale
    ? finding("unknown", NOT_PROVEN, "It runs the last known target, but the config repository has not been read for a while.")
    : targetRunsFinding(host, target);
}

/**
 * An armed dead-man switch. While the run that armed it is active it is part of that run; otherwise nobody will confirm it, and the host
 * must go back by itself.
 */
function armedFinding({ facts }: HostInput, active: RunFacts | null, now: number): Finding | null {
  const { deadman } = facts;
  if (deadman == null) return null;
  const back = storeName(deadman.back);
  if (active?.id === deadman.runId) {
    return finding(
      "working",
      "confirming",
      `The activation is waiting to be confirmed. Otherwise the host goes back to ${back}.`,
    );
  }
  const overdue = now > (undoOverdueAt(facts) ?? now);
  const text = overdue
    ? `The host should have gone back to ${back} by now, but has not reported it. Log in to the host: nixfleet-agent status and undo work without the dashboard.`
    : `The activation was not confirmed, and no active run can confirm it: the host goes back to ${back} by itself.`;
  return finding(overdue ? "broken" : "attention", overdue ? "undo overdue" : "not confirmed", text, {
    cause: {
      lead: overdue ? "Has not gone back in time" : "Goes back to the previous system",
      detail: `to ${back}`,
      since: deadman.until,
    },
    note: overdue ? "has not gone back in time" : "goes back to the previous system",
  });
}

/**
 * The host refused to switch to the target, since that would cut somebody off; null: it did not, or was looked at since. The next step is
 * to look: what would be lost is on the page of a preview, and so is the way to switch anyway.
 */
function refusedFinding(last: RunFacts | null, target: KnownTarget): Finding | null {
  if (last === null || last.op !== "switch" || last.state !== "refused" || last.commit !== target.commit) return null;
  if (last.code === null || !canCutOff(last.code)) return null;
  const why = sentence(last.reason ?? "It would take away ways into the host.");
  const text = `The host refused the switch to ${shortCommit(target.commit)}. ${why} A preview lists what would be lost.`;
  return finding("attention", "refused", text, {
    cause: { lead: "Switch refused", detail: last.reason, since: last.endedAt },
    note: "the switch was refused",
    action: { label: "Preview", op: "preview", args: {} },
  });
}

/** Describes what runs instead of the last deployment, and how that happened as far as the host's generations show. */
function describeDrift({ facts, deployments }: HostInput, closure: string): string {
  const [last] = deployments;
  const deployed =
    last?.commit == null ? "what was deployed from here" : `${shortCommit(last.commit)}, the last commit deployed from here`;
  const generation = facts.generations?.findLast((known) => known.closure === closure);
  const how =
    facts.generations === undefined
      ? "something else switched it"
      : generation === undefined
        ? `something else activated it without creating a generation${bootsFromProfile(facts) ? ", so it lasts until the next boot" : ""}`
        : `something else switched it to generation ${generation.number}`;
  return `The host runs ${storeName(closure)} instead of ${deployed}: ${how}.`;
}

/** For a host that reports no running closure: no configuration was ever activated. */
function neverSwitchedFinding({ facts }: HostInput): Finding {
  if (facts.agent === undefined) return finding("unknown", "not yet", "The host has not reported what it runs yet.");
  return finding("attention", "not switched", "No configuration has been activated on this host yet. A switch activates one.", {
    cause: { lead: "Never switched", detail: "no configuration has been activated here yet", since: null },
    note: "never switched",
    action: switchNow,
  });
}

function notSwitchedFinding(host: HostInput, target: KnownTarget): Finding {
  const { commit } = runningCommit(host, null);
  const { closure } = host.facts.profile ?? {};
  const nextBoot =
    bootsFromProfile(host.facts) &&
    host.deployments.some((deployment) => deployment.closure === closure && deployment.commit === target.commit);
  if (nextBoot) {
    return finding(
      "attention",
      "reboot needed",
      `${shortCommit(target.commit)} is installed for the next boot: reboot the host to run it.`,
      {
        cause: {
          lead: "Waits for a reboot",
          detail: `${shortCommit(target.commit)} is installed for the next boot`,
          since: null,
        },
        note: "waits for a reboot",
        action: reboot,
      },
    );
  }
  const standing = commit === null ? undefined : target.standings.get(commit);
  const runs = commit === null ? "another closure" : shortCommit(commit);
  const far = standing?.relation.kind === "behind" ? `, ${count(standing.relation.behind, "commit")} behind` : "";
  return finding("attention", "not switched", `${shortCommit(target.commit)} is pulled, but the host still runs ${runs}${far}.`, {
    cause: { lead: "Pulled, not switched", detail: `runs ${runs}${far}`, since: standing?.lackingSince ?? null },
    note: "not switched",
    action: switchNow,
  });
}

/** The host runs the target's closure; checks what is left to finish. */
function targetRunsFinding({ facts }: HostInput, target: KnownTarget): Finding {
  const at = shortCommit(target.commit);
  const { running } = facts;
  const runs =
    running?.specialisation === undefined
      ? `what ${at} builds`
      : `the specialisation ${running.specialisation.name} of what ${at} builds`;
  const profile = bootsFromProfile(facts) ? facts.profile : undefined;
  if (running !== undefined && profile !== undefined && profile.closure !== deployedClosure(running)) {
    return finding(
      "attention",
      "until reboot",
      `It runs ${runs}, but another generation starts at the next boot. A switch makes it permanent.`,
      {
        cause: {
          lead: "Runs the target until the next boot",
          detail: "another generation starts then",
          since: facts.running?.since ?? null,
        },
        note: "only until the next boot",
        action: switchNow,
      },
    );
  }
  if (facts.reboot?.needed === true) {
    const why = facts.reboot.reasons.length === 0 ? "" : `: ${facts.reboot.reasons.join(", ")}`;
    return finding("attention", "reboot needed", sentence(`It runs ${runs}, and needs a reboot to finish${why}`), {
      cause: {
        lead: "Needs a reboot to finish",
        detail: facts.reboot.reasons.join(", ") || null,
        since: facts.running?.since ?? null,
      },
      note: "needs a reboot",
      action: reboot,
    });
  }
  return finding("ok", "current", `It runs ${runs}.`);
}

/** Whether the profile says what the next boot brings. A home's does not. */
function bootsFromProfile({ platform }: HostInput["facts"]): boolean {
  return platform === undefined || PLATFORM_TRAITS[platform].bootsFromProfile;
}
