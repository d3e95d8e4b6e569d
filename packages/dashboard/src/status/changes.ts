import {
  type ChangesView,
  type ClosureDiff,
  type Commit,
  type HostRow,
  type NextAction,
  type OpName,
  type Preview,
  shortCommit,
} from "@nixfleet/protocol";
import { count, joinNames } from "./compartments/wording.ts";

/** What the rule needs to know of a host, of the target, and of the last preview that succeeded. */
export interface ChangesInput {
  readonly lastPreview: { readonly preview: Preview; readonly diff: ClosureDiff | null } | null;
  /** The closure that runs now; null: not known, or nothing does. */
  readonly running: string | null;
  /** Null: not known. */
  readonly target: Commit | null;
  /** The host's row: what it is at, whether it is there, and what cannot be started. */
  readonly row: Pick<HostRow, "run" | "deniedOps"> & { readonly reachability: Pick<HostRow["reachability"], "state"> };
}

/** What a preview comes to by now, and the one thing to do with it. */
export function changes(input: ChangesInput): Pick<ChangesView, "standing" | "sentence" | "action"> {
  const standing = findStanding(input);
  return { standing, sentence: describeStanding(input, standing), action: findAction(input, standing) };
}

function findStanding({ lastPreview, running, target }: ChangesInput): ChangesView["standing"] {
  if (lastPreview === null) return "none";
  const { commit, against, closure } = lastPreview.preview;
  if (target !== null && commit !== target) return "target-moved";
  // What was previewed runs by now, or ran already: it says so, rather than that something else happened to the host.
  return running === against || running === closure ? "fresh" : "host-changed";
}

function describeStanding({ lastPreview, running, target, row }: ChangesInput, standing: ChangesView["standing"]): string {
  if (lastPreview === null) {
    return row.run?.op === "preview" && row.run.state !== "queued"
      ? "The first preview of this host is at work."
      : "No preview was made yet. It shows what a switch would change, and changes nothing.";
  }
  const { preview, diff } = lastPreview;
  const at = preview.commit === null ? "it" : shortCommit(preview.commit);
  switch (standing) {
    case "none":
    case "target-moved":
      return `It shows ${at}, but the target is ${target === null ? "another commit" : shortCommit(target)} by now.`;
    case "host-changed":
      return "The host runs something else by now than what this was compared with.";
    case "fresh":
      if (running !== preview.closure) return describeChanges(preview, diff, at);
      return preview.against === preview.closure
        ? `${at} builds exactly what runs: there is nothing to switch to.`
        : `The host runs exactly what was previewed of ${at}.`;
  }
}

/** In numbers: the page beside it has the names. */
function describeChanges({ units, reboot, agent }: Preview, diff: ClosureDiff | null, at: string): string {
  const parts: string[] = [];
  if (diff !== null) {
    const { added, removed, changed } = diff;
    if (changed.length > 0) parts.push(`changes ${count(changed.length, "package")}`);
    if (added.length > 0) parts.push(`adds ${count(added.length, "package")}`);
    if (removed.length > 0) parts.push(`removes ${count(removed.length, "package")}`);
    if (parts.length === 0) parts.push("changes no version of a package");
  }
  if (units !== null) {
    const touched = UNIT_VERBS.flatMap(([kind, verb]) =>
      units[kind].length === 0 ? [] : [`${verb} ${count(units[kind].length, "unit")}`],
    );
    parts.push(...(touched.length > 0 ? touched : ["touches no unit"]));
  }
  if (reboot.needed) parts.push("needs a reboot");
  const missing = agent === "missing" ? " It does not contain this agent any more, so the host would be out of reach." : "";
  return `A switch to ${at} ${parts.length > 0 ? joinNames(parts, parts.length) : "activates another closure"}.${missing}`;
}

const UNIT_VERBS = [
  ["restart", "restarts"],
  ["stop", "stops"],
  ["start", "starts"],
  ["reload", "reloads"],
] as const;

function findAction({ lastPreview, running, row }: ChangesInput, standing: ChangesView["standing"]): NextAction | null {
  if (row.run !== null) return { kind: "open-run", label: "Open run", runId: row.run.id };
  if (row.reachability.state === "never") return null;
  const waits = row.reachability.state !== "online";
  const start = (op: OpName, label: string, args: Record<string, unknown>): NextAction | null =>
    row.deniedOps[op] === undefined
      ? { kind: "start", label, op, args, whenBlocked: waits ? "queue" : "refuse", compartment: null }
      : null;
  if (lastPreview === null) return start("preview", waits ? "Queue preview" : "Preview", {});
  if (standing !== "fresh") return start("preview", waits ? "Queue preview" : "Preview again", {});
  const { commit, closure, agent } = lastPreview.preview;
  // A switch that would cut the host off is not what the page offers; who wants it asks for it by force.
  if (running === closure || commit === null || agent === "missing") return null;
  return start("switch", waits ? "Queue switch" : "Switch to this", { mode: "switch", commit, closure });
}
