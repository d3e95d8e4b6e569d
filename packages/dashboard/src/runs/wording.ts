import {
  FAILURES,
  type FailureCode,
  type OpRequest,
  opDeclaration,
  PHASE_LABELS,
  type QueueReason,
  REFUSALS,
  type RefusalCode,
  type RunState,
  type Status,
  sentence,
  shortCommit,
  storeName,
} from "@nixfleet/protocol";
import type { Inquiry } from "../store/index.ts";
import type { RunShare } from "./records.ts";
import { type ActiveRun, type EndedRun, phasesOf, type QueuedRun, type Run } from "./run.ts";

const short = (commit: string | null) => (commit === null ? "an unknown commit" : shortCommit(commit));

/** The title of a run. */
export function titleOf(request: OpRequest, commit: string | null): string {
  switch (request.op) {
    case "pull":
      return `Pull ${short(commit)}`;
    case "preview": {
      const { generation, against } = request.args;
      const what = generation === undefined ? short(commit) : `generation ${generation}`;
      return `Preview ${what}${against === undefined ? "" : ` against generation ${against}`}`;
    }
    case "rollback":
      return `Roll back to generation ${request.args.generation}`;
    case "switch":
      if (request.args.mode === "boot") return `Switch to ${short(commit)} at the next boot`;
      return request.args.mode === "test" ? `Try ${short(commit)} until the next boot` : `Switch to ${short(commit)}`;
    case "collect-garbage":
    case "reboot":
    case "refresh":
    case "restart-agent":
    case "test":
      return opDeclaration(request.op).label;
  }
}

export const STATUS_OF = {
  queued: "unknown",
  starting: "working",
  running: "working",
  succeeded: "ok",
  failed: "broken",
  "rolled-back": "broken",
  "timed-out": "broken",
  lost: "broken",
  refused: "attention",
  cancelled: "unknown",
} as const satisfies Record<RunState, Status>;

const QUEUE_SENTENCES = {
  "host-offline": () => "Waiting for the host to connect.",
  "host-busy": () => "Waiting for another run on this host.",
  held: ({ hold }) => hold?.reason ?? "Waiting for its turn.",
} as const satisfies Record<QueueReason, (run: QueuedRun) => string>;

/** The share of the current phase that is done; null: its length is not known. */
export function shareOf(run: Run, { progress, tests }: RunShare): number | null {
  const phase = phasesOf(run).at(-1);
  if (phase === undefined || phase.endedAt !== null) return null;
  if (phase.phase === "build" && progress !== null) {
    const expected = progress.builds.expected + progress.copies.expected;
    return expected === 0 ? null : Math.min(1, (progress.builds.done + progress.copies.done) / expected);
  }
  const last = tests.at(-1);
  return phase.phase === "test" && last !== undefined ? Math.min(1, last.number / last.total) : null;
}

/** The state in a word or two, for small spaces. */
export function wordOf(run: Run, share: number | null): string {
  if (run.stage !== "running" && run.stage !== "proving") return run.state.replace("-", " ");
  if (run.cancel !== null) return "cancelling";
  const phase = run.phases.at(-1)?.phase;
  if (phase === undefined) return "running";
  return share === null ? PHASE_LABELS[phase] : `${PHASE_LABELS[phase]} ${Math.round(share * 100)} %`;
}

/** The current state or the outcome, as a sentence. */
export function sentenceOf(run: Run, share: RunShare): string {
  switch (run.stage) {
    case "queued":
      return QUEUE_SENTENCES[run.hold === null ? run.queueReason : "held"](run);
    case "starting":
      if (run.inquiry !== null) return inquirySentence(run.inquiry);
      if (run.linkLost)
        return "The run was sent to the host, which is now disconnected. Whether it started is known once the host is back.";
      return run.cancel === null ? "Sent to the host, not started yet." : "Cancelling before it starts.";
    case "running":
    case "proving":
      return workingSentence(run, share);
    case "ended":
      return outcomeSentence(run);
  }
}

function workingSentence(run: Exclude<ActiveRun, { stage: "starting" }>, { progress, tests }: RunShare): string {
  if (run.stage === "running" && run.inquiry !== null) return inquirySentence(run.inquiry);
  if (run.linkLost) return "The host is not connected. The run continues there, and its outcome arrives when the host is back.";
  if (run.cancel !== null) return "The host is stopping the run.";
  if (run.stage === "proving") return "The host reports that it is done. Waiting for the facts that prove it.";
  const phase = run.phases.at(-1)?.phase;
  switch (phase) {
    case undefined:
      return "Started on the host.";
    case "fetch":
      return "Fetching the config repository.";
    case "verify":
      return "Verifying the commit.";
    case "evaluate":
      return "Evaluating the configuration.";
    case "build":
      return buildSentence(progress);
    case "diff":
      return "Comparing the new closure with the running one.";
    case "activate":
      return "Activating.";
    case "confirm":
      return "Confirming that the host works and still reaches the dashboard. Otherwise it goes back to the previous system.";
    case "undo":
      return "Going back to the previous system.";
    case "test": {
      const last = tests.at(-1);
      return last === undefined ? "Running the host's tests." : `Test ${last.number} of ${last.total} is done.`;
    }
    case "restart":
      return "Restarting the agent.";
    case "reboot":
      return "Rebooting the machine.";
    case "collect":
      return "Removing old generations and freeing the store.";
    case "refresh":
      return "Reading all facts of the host.";
  }
}

function inquirySentence({ kind }: Inquiry): string {
  switch (kind) {
    case "asked":
      return "The host was asked what it knows of this run.";
    case "active":
      return "Past its deadline; the host says that it is still at work. Cancel it to stop it.";
    case "away":
      return "Past its deadline, and the host is not connected. It is asked when it is back.";
  }
}

function buildSentence(progress: RunShare["progress"]): string {
  if (progress === null) return "Building.";
  const { builds, copies, now } = progress;
  const parts = [
    builds.expected > 0 ? `${builds.done} of ${builds.expected} built` : null,
    copies.expected > 0 ? `${copies.done} of ${copies.expected} fetched` : null,
  ].filter((part) => part !== null);
  const names = now.slice(0, 3).map(({ name }) => name);
  const rest = now.length > names.length ? ` and ${now.length - names.length} more` : "";
  if (names.length > 0) parts.push(`${names.join(", ")}${rest} now`);
  return parts.length === 0 ? "Building." : `${parts.join(", ")}.`.replace(/^./, (first) => first.toUpperCase());
}

/** How a run ended, in the host's own words if there are any. */
export function outcomeSentence(run: EndedRun): string {
  const { outcome } = run;
  if (run.state === "succeeded") return outcome.reason ?? successSentence(run);
  // The host's reason is more specific than the code's sentence.
  const reason = outcome.reason || explain(run).sentence;
  const first = outcome.firstError;
  const text = first && !reason.includes(first) ? `${sentence(reason)} ${first}` : reason;
  return run.state === "rolled-back" ? `${activationOf(run)} was undone. ${sentence(text)}${describeRestored(run, text)}` : text;
}

/** The activation of a run, as the subject of a sentence. */
function activationOf({ request, commit }: Run): string {
  return request.op === "rollback" ? `The rollback to generation ${request.args.generation}` : `The switch to ${short(commit)}`;
}

/** The closure that runs after a rollback, from the dead-man switch (E14); empty if the host's reason already names it. */
function describeRestored({ outcome }: EndedRun, text: string): string {
  const back = outcome.back ?? null;
  if (back !== null && text.includes(storeName(back))) return "";
  return ` The host is back on the previous system${back === null ? "" : `, ${storeName(back)}`}.`;
}

/** The result of a successful run, as its post-check confirmed it. */
function successSentence({ request, commit, deployed }: EndedRun): string {
  // Also for a plain switch: some changes must not be activated while the machine runs and wait for the next boot.
  const nextBoot = deployed?.mode === "boot";
  switch (request.op) {
    case "pull":
      return `The clone is at ${short(commit)}.`;
    case "switch":
      if (nextBoot || request.args.mode === "boot") return `${short(commit)} starts at the next boot.`;
      return request.args.mode === "test"
        ? `The host runs ${short(commit)} until its next boot.`
        : `The host runs ${short(commit)}.`;
    case "preview":
      return request.args.generation === undefined
        ? `The preview of a switch to ${short(commit)} is ready. Nothing was changed.`
        : `The preview of a rollback to generation ${request.args.generation} is ready. Nothing was changed.`;
    case "rollback":
      return nextBoot
        ? `Generation ${request.args.generation} starts at the next boot.`
        : `The host runs generation ${request.args.generation}.`;
    case "reboot":
      return "The host is back after the reboot.";
    case "collect-garbage":
      return "Old generations and unneeded store paths were removed.";
    case "test":
      return "All tests passed.";
    case "refresh":
      return "All facts were read again.";
    case "restart-agent":
      return "The agent was restarted.";
  }
}

/** The sentence and next step of a run's code. */
export function explain(run: EndedRun): { sentence: string; next: string | null } {
  const { code } = run.outcome;
  if (code === null) return { sentence: run.outcome.reason ?? `It ended as ${run.state}.`, next: null };
  if (Object.hasOwn(FAILURES, code)) return FAILURES[code as FailureCode];
  return REFUSALS[code as RefusalCode];
}
