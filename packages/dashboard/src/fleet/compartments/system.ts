import { noTarget } from "./git.ts";
import type { Finding, Help, HostInput, KnownTarget, RunInput, RunsInput, TargetInput } from "./input.ts";
import { runsCommit, whatRuns } from "./running.ts";
import { count, finding, NOT_PROVEN, sentence, shortCommit } from "./wording.ts";

const switchNow: Help = { label: "Switch", op: "switch", args: {} };

/** What the answers before this one found: System is green only if Git and Lock are. */
export interface Before {
  readonly cloneAtTarget: boolean;
  readonly lockEqual: boolean;
}

/** Does the host run what the target builds? By store path, never by name (R17). */
export function systemFinding(host: HostInput, target: TargetInput, { lastSwitch }: RunsInput, before: Before): Finding {
  const failure = lastSwitch === null ? null : failureOf(host, lastSwitch, target);
  if (failure !== null) return failure;
  const running = whatRuns(host);
  if (running.kind === "unknown") return nothingRuns(host);
  const { since = null } = host.facts.running ?? {};
  if (running.kind === "foreign") {
    const text = running.drift
      ? "The host runs a closure that was not deployed from here: something else switched it. A switch brings it back to the target."
      : "What runs was deployed outside NixFleet, and does not name its commit. A switch proves it.";
    const lead = running.drift ? "Switched by something else" : "Deployed outside NixFleet";
    return finding("attention", running.drift ? "drift" : "from outside", text, {
      cause: { lead, detail: "what runs here is not known to any commit", since },
      note: lead.toLowerCase().replace("nixfleet", "NixFleet"),
      // Before the clone is at the target, a pull is what helps first.
      help: switchNow,
    });
  }
  if (target.state !== "known") return noTarget(target);
  if (!before.cloneAtTarget || !before.lockEqual) {
    return finding("unknown", "not yet", "It is compared once the clone is at the target.");
  }
  if (!runsCommit(host, target.commit)) return notSwitched(host, target);
  return target.stale
    ? finding("unknown", NOT_PROVEN, "It runs the last known target, but the config repository has not been read for a while.")
    : finished(host, target);
}

/** A host that has reported, and runs nothing that its platform links to: its configuration was never activated. */
function nothingRuns({ facts }: HostInput): Finding {
  if (facts.agent === undefined) return finding("unknown", "not yet", "The host has not reported what it runs yet.");
  return finding("attention", "not switched", "No configuration has been activated on this host yet. A switch does.", {
    cause: { lead: "Never switched", detail: "no configuration has been activated here yet", since: null },
    note: "never switched",
    help: switchNow,
  });
}

function notSwitched(host: HostInput, target: KnownTarget): Finding {
  const running = whatRuns(host);
  const commit = running.kind === "deployed" ? running.deployments[0].commit : running.kind === "named" ? running.commit : null;
  const { closure } = host.facts.profile ?? {};
  const nextBoot = host.deployments.some((deployment) => deployment.closure === closure && deployment.commit === target.commit);
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
      },
    );
  }
  const standing = commit === null ? undefined : target.standings.get(commit);
  const runs = commit === null ? "another closure" : shortCommit(commit);
  const far = standing?.relation.kind === "behind" ? `, ${count(standing.relation.behind, "commit")} behind` : "";
  return finding("attention", "not switched", `${shortCommit(target.commit)} is pulled, but the host still runs ${runs}${far}.`, {
    cause: { lead: "Pulled, not switched", detail: `runs ${runs}${far}`, since: standing?.lackingSince ?? null },
    note: "not switched",
    help: switchNow,
  });
}

/** It runs the target's closure: is that all? */
function finished({ facts }: HostInput, target: KnownTarget): Finding {
  const at = shortCommit(target.commit);
  if (facts.profile !== undefined && facts.profile.closure !== facts.running?.closure) {
    return finding(
      "attention",
      "until reboot",
      `It runs what ${at} builds, but another generation starts at the next boot. A switch keeps it.`,
      {
        cause: {
          lead: "Runs the target until the next boot",
          detail: "another generation starts then",
          since: facts.running?.since ?? null,
        },
        note: "only until the next boot",
        help: switchNow,
      },
    );
  }
  if (facts.reboot?.needed === true) {
    const why = facts.reboot.reasons.length === 0 ? "" : `: ${facts.reboot.reasons.join(", ")}`;
    return finding("attention", "reboot needed", sentence(`It runs what ${at} builds, and needs a reboot to finish${why}`), {
      cause: {
        lead: "Needs a reboot to finish",
        detail: facts.reboot.reasons.join(", ") || null,
        since: facts.running?.since ?? null,
      },
      note: "needs a reboot",
    });
  }
  return finding("ok", "current", `It runs what ${at} builds.`);
}

/**
 * What the last switch left to mend; null: it succeeded, or what runs now came after it. A failure stands until a newer switch
 * of whoever: a new target does not mend it.
 */
function failureOf(host: HostInput, run: RunInput, target: TargetInput): Finding | null {
  const { running } = host.facts;
  // By what ran then and runs now, not by time: the host's clock and this one may differ.
  if (running !== undefined && run.closureAtEnd !== null && running.closure !== run.closureAtEnd) return null;
  const to = run.commit === null ? "The last switch" : `The switch to ${shortCommit(run.commit)}`;
  const phase = run.phase === null ? "" : ` in ${run.phase}`;
  const error = run.firstError === null ? "" : ` ${sentence(run.firstError)}`;
  const { profile } = host.facts;
  const generation = profile?.generation === undefined ? "" : ` to generation ${profile.generation}`;
  const same = target.state === "known" && target.commit === run.commit;
  const mode = run.args["mode"];
  const help: Help = {
    ...switchNow,
    label: same ? "Retry" : "Switch",
    args: mode === undefined || mode === "switch" ? {} : { mode },
  };
  const broken = (word: string, text: string, lead: string): Finding =>
    finding("broken", word, text, {
      cause: { lead, detail: run.firstError, since: run.endedAt },
      note: lead,
      help,
      failedRun: run.id,
    });
  switch (run.state) {
    case "failed":
      return broken("failed", `${to} failed${phase}.${error}`, "Switch failed");
    case "rolled-back":
      return broken(
        "rolled back",
        `${to} failed${phase} and was rolled back${generation}.${error}`,
        "Switch failed and was rolled back",
      );
    case "timed-out":
      return broken("timed out", `${to} took longer than its deadline and was stopped${phase}.${error}`, "Switch took too long");
    case "lost": {
      // What the host reports decides (R2): if it runs the target now, the outcome is known after all.
      if (target.state === "known" && runsCommit(host, target.commit)) return null;
      return finding(
        "attention",
        "outcome lost",
        `${to} ended without a report: whether it was activated is not known.${error}`,
        {
          cause: { lead: "The last switch was lost", detail: run.firstError, since: run.endedAt },
          note: "the last switch was lost",
          help,
        },
      );
    }
    case "cancelled":
      if (run.phase !== "activate" && run.phase !== "confirm") return null;
      return finding(
        "attention",
        "half switched",
        `${to} was cancelled while it activated: services may be stopped. Switch again.`,
        {
          cause: { lead: "Cancelled while it activated", detail: "the system may be half switched", since: run.endedAt },
          note: "may be half switched",
          help: { ...help, label: "Switch" },
        },
      );
    case "queued":
    case "starting":
    case "running":
    case "succeeded":
    case "refused":
      return null;
  }
}
