import { deployedClosure, sentence, shortCommit, storeName } from "@nixfleet/protocol";
import type { Finding, HostInput, RunFacts, SuggestedAction, TargetInput } from "./input.ts";
import { runsCommit } from "./running.ts";
import { finding } from "./wording.ts";

/**
 * The failure of the last switch or rollback that is still to be fixed; null: it succeeded, or something else was activated since. Any newer
 * switch resolves a failure; a new target does not.
 */
export function switchFailure(host: HostInput, run: RunFacts, target: TargetInput): Finding | null {
  const { running } = host.facts;
  // Compared by closure, not by time: the clocks of host and dashboard may differ.
  if (running !== undefined && run.closureAtEnd !== null && running.closure !== run.closureAtEnd) return null;
  const to = describeRun(run);
  const phase = run.phase === null ? "" : ` in ${run.phase}`;
  // For an undone run the reason says more than the tool's first error line; show both.
  const isInReason = run.reason !== null && run.firstError !== null && run.reason.includes(run.firstError);
  const reasons = [run.reason, isInReason ? null : run.firstError].filter((text) => text !== null);
  const why = reasons.map((text) => ` ${sentence(text)}`).join("");
  const verb = run.op === "rollback" ? "Rollback" : "Switch";
  const error = run.firstError === null ? "" : ` ${sentence(run.firstError)}`;
  const same = target.state === "known" && target.commit === run.commit;
  const mode = run.args["mode"];
  const action: SuggestedAction =
    run.op === "rollback"
      ? { label: "Retry", op: "rollback", args: run.args }
      : { label: same ? "Retry" : "Switch", op: "switch", args: mode === undefined || mode === "switch" ? {} : { mode } };
  const broken = (word: string, text: string, lead: string): Finding =>
    finding("broken", word, text, {
      cause: { lead, detail: run.firstError, since: run.endedAt },
      note: lead,
      action,
      failedRun: run.id,
    });
  switch (run.state) {
    case "failed":
      return broken("failed", `${to} failed${phase}.${error}`, `${verb} failed`);
    case "rolled-back":
      // The host was rolled back and now runs a different, newer target: nothing is left to fix.
      if (target.state === "known" && !same && runsCommit(host, target.commit)) return null;
      return broken("rolled back", `${to} was undone.${why}${describeRunning(host, why)}`, `${verb} was rolled back`);
    case "timed-out":
      return broken("timed out", `${to} took longer than its deadline and was stopped${phase}.${error}`, `${verb} took too long`);
    case "lost": {
      // The host's report decides (R2): if it runs the target now, the outcome is known.
      if (target.state === "known" && runsCommit(host, target.commit)) return null;
      return finding(
        "attention",
        "outcome lost",
        `${to} ended without a report. It is not known whether it was activated.${error}`,
        {
          cause: { lead: "The last switch was lost", detail: run.firstError, since: run.endedAt },
          note: "the last switch was lost",
          action,
        },
      );
    }
    case "cancelled":
      if (run.phase !== "activate" && run.phase !== "confirm" && run.phase !== "restart") return null;
      return finding(
        "attention",
        "half switched",
        `${to} was cancelled during activation: services may be stopped. Switch again.`,
        {
          cause: { lead: "Cancelled during activation", detail: "the system may be half switched", since: run.endedAt },
          note: "may be half switched",
          action: { ...action, label: "Switch" },
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

function describeRun({ op, args, commit }: RunFacts): string {
  if (op === "rollback") return `The rollback to generation ${String(args["generation"])}`;
  return commit === null ? "The last switch" : `The switch to ${shortCommit(commit)}`;
}

/** The running system after an undo, as the host reports it; empty if the run's reason already says it. */
function describeRunning({ facts }: HostInput, reason: string): string {
  const { running, profile } = facts;
  if (running === undefined) return " The host has not reported what it runs now.";
  if (reason.includes(storeName(running.closure))) return "";
  if (profile?.generation !== undefined && profile.closure === deployedClosure(running)) {
    return ` The host runs generation ${profile.generation} again.`;
  }
  return ` The host runs ${storeName(running.closure)}.`;
}
