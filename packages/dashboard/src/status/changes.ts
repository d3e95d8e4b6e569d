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

/** Facts about a host, its target and its last successful preview. */
export interface ChangesInput {
  readonly lastPreview: { readonly preview: Preview; readonly diff: ClosureDiff | null } | null;
  /** The closure that runs now, and the one that was deployed, of which it can be a specialisation; null: none, or not known. */
  readonly running: string | null;
  readonly deployed: string | null;
  /** Null: not known. */
  readonly target: Commit | null;
  /** From the host's row: its active run, reachability and denied ops. */
  readonly row: Pick<HostRow, "run" | "deniedOps"> & { readonly reachability: Pick<HostRow["reachability"], "state"> };
}

/** Whether the last preview still applies, its summary, and the suggested action. */
export function changes(input: ChangesInput): Pick<ChangesView, "standing" | "sentence" | "action" | "forced"> {
  const standing = findStanding(input);
  const sentence = describeStanding(input, standing);
  return { standing, sentence, action: findAction(input, standing), forced: findForced(input, standing) };
}

function findStanding({ lastPreview, running, deployed, target }: ChangesInput): ChangesView["standing"] {
  if (lastPreview === null) return "none";
  const { commit, against, closure } = lastPreview.preview;
  if (target !== null && commit !== target) return "target-moved";
  // If the previewed closure runs by now, say so rather than that the host has changed.
  return running === against || deployed === closure ? "fresh" : "host-changed";
}

function describeStanding({ lastPreview, deployed, target, row }: ChangesInput, standing: ChangesView["standing"]): string {
  if (lastPreview === null) {
    return row.run?.op === "preview" && row.run.state !== "queued"
      ? "The first preview of this host is running."
      : "No preview yet. A preview shows what a switch would change, without changing anything.";
  }
  const { preview, diff } = lastPreview;
  const at = preview.commit === null ? "it" : shortCommit(preview.commit);
  switch (standing) {
    case "none":
    case "target-moved":
      return `This preview shows ${at}, but the target is now ${target === null ? "another commit" : shortCommit(target)}.`;
    case "host-changed":
      return "The host has changed since this preview.";
    case "fresh":
      if (deployed !== preview.closure) return describeChanges(preview, diff, at);
      return preview.against === preview.closure
        ? `${at} builds exactly what the host runs. There is nothing to switch to.`
        : `The host already runs the previewed closure of ${at}.`;
  }
}

/** Counts only: the page lists the names. */
function describeChanges(
  { units, reboot, agent, lockOut, specialisation }: Preview,
  diff: ClosureDiff | null,
  at: string,
): string {
  const parts: string[] = [];
  if (diff !== null) {
    const { added, removed, changed } = diff;
    if (changed.length > 0) parts.push(`changes ${count(changed.length, "package")}`);
    if (added.length > 0) parts.push(`adds ${count(added.length, "package")}`);
    if (removed.length > 0) parts.push(`removes ${count(removed.length, "package")}`);
    if (parts.length === 0) parts.push("changes no package version");
  }
  if (units !== null) {
    const touched = UNIT_VERBS.flatMap(([kind, verb]) =>
      units[kind].length === 0 ? [] : [`${verb} ${count(units[kind].length, "unit")}`],
    );
    parts.push(...(touched.length > 0 ? touched : ["touches no unit"]));
  }
  if (reboot.needed) parts.push("needs a reboot");
  const special = specialisation === undefined ? "" : describeSpecialisation(specialisation);
  const lost = [
    ...(agent === "missing" ? ["the agent"] : []),
    ...(lockOut !== undefined && lockOut.risks.length > 0 ? [`${count(lockOut.risks.length, "way")} into the host`] : []),
  ];
  const refused =
    lost.length === 0 ? "" : ` It takes away ${joinNames(lost, lost.length)}, so it is refused unless you force it.`;
  return `A switch to ${at} ${parts.length > 0 ? joinNames(parts, parts.length) : "activates another closure"}.${special}${refused}`;
}

function describeSpecialisation({ running, next }: NonNullable<Preview["specialisation"]>): string {
  if (next !== null) return ` It keeps the specialisation ${next}.`;
  return running === null ? "" : ` It leaves the specialisation ${running}, which the new configuration does not have.`;
}

const UNIT_VERBS = [
  ["restart", "restarts"],
  ["stop", "stops"],
  ["start", "starts"],
  ["reload", "reloads"],
] as const;

function findAction({ lastPreview, deployed, row }: ChangesInput, standing: ChangesView["standing"]): NextAction | null {
  if (row.run !== null) return { kind: "open-run", label: "Open run", runId: row.run.id };
  if (row.reachability.state === "never") return null;
  const waits = row.reachability.state !== "online";
  if (lastPreview === null) return startOn(row, "preview", waits ? "Queue preview" : "Preview", {});
  if (standing !== "fresh") return startOn(row, "preview", waits ? "Queue preview" : "Preview again", {});
  const { commit, closure } = lastPreview.preview;
  // What would cut the host off is not suggested; it needs force.
  if (deployed === closure || commit === null || cutsOff(lastPreview.preview)) return null;
  return startOn(row, "switch", waits ? "Queue switch" : "Switch to this", { mode: "switch", commit, closure });
}

/** The switch that only force starts, and only after it was seen what it takes away. */
function findForced({ lastPreview, deployed, row }: ChangesInput, standing: ChangesView["standing"]): NextAction | null {
  if (lastPreview === null || standing !== "fresh" || row.run !== null || row.reachability.state === "never") return null;
  const { commit, closure } = lastPreview.preview;
  if (deployed === closure || commit === null || !cutsOff(lastPreview.preview)) return null;
  const label = row.reachability.state === "online" ? "Switch anyway…" : "Queue anyway…";
  return startOn(row, "switch", label, { mode: "switch", commit, closure });
}

function cutsOff({ agent, lockOut }: Preview): boolean {
  return agent === "missing" || (lockOut?.risks.length ?? 0) > 0;
}

/** Null: the host cannot do it now. */
function startOn(row: ChangesInput["row"], op: OpName, label: string, args: Record<string, unknown>): NextAction | null {
  if (row.deniedOps[op] !== undefined) return null;
  const whenBlocked = row.reachability.state === "online" ? "refuse" : "queue";
  return { kind: "start", label, op, args, whenBlocked, compartment: null };
}
