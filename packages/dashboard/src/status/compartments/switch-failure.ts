import { sentence, shortCommit, storeName } from "@nixfleet/protocol";
import type { Finding, HostInput, RunFacts, SuggestedAction, TargetInput } from "./input.ts";
import { runsCommit } from "./running.ts";
import { finding } from "./wording.ts";

/**
 * What the last switch or rollback left to mend; null: it succeeded, or what runs now came after it. A failure stands until a newer switch
 * of whoever: a new target does not mend it.
 */
export function switchFailure(host: HostInput, run: RunFacts, target: TargetInput): Finding | null {
  const { running } = host.facts;
  // By what ran then and runs now, not by time: the host's clock and this one may differ.
  if (running !== undefined && run.closureAtEnd !== null && running.closure !== run.closureAtEnd) return null;
  const to = describeRun(run);
  const phase = run.phase === null ? "" : ` in ${run.phase}`;
  // Of a run that was undone the reason says more than the tool's line; both together say all.
  const reasons = [run.reason, run.firstError].filter((text) => text !== null);
  const why = [...new Set(reasons)].map((text) => ` ${sentence(text)}`).join("");
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
      // The host came home, and the target is another by now, which it runs: nothing is left to mend.
      if (target.state === "known" && !same && runsCommit(host, target.commit)) return null;
      return broken("rolled back", `${to} was undone.${why}${describeRunning(host, why)}`, `${verb} was rolled back`);
    case "timed-out":
      return broken("timed out", `${to} took longer than its deadline and was stopped${phase}.${error}`, `${verb} took too long`);
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
          action,
        },
      );
    }
    case "cancelled":
      if (run.phase !== "activate" && run.phase !== "confirm" && run.phase !== "restart") return null;
      return finding(
        "attention",
        "half switched",
        `${to} was cancelled while it activated: services may be stopped. Switch again.`,
        {
          cause: { lead: "Cancelled while it activated", detail: "the system may be half switched", since: run.endedAt },
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

/** What runs after an undo, by what the host reports of itself; nothing where the run's own reason says it. */
function describeRunning({ facts }: HostInput, reason: string): string {
  const { running, profile } = facts;
  if (running === undefined) return " What runs now has not been reported.";
  if (reason.includes(storeName(running.closure))) return "";
  if (profile?.generation !== undefined && profile.closure === running.closure) {
    return ` The host runs generation ${profile.generation} again.`;
  }
  return ` The host runs ${storeName(running.closure)}.`;
}
