import { type LockInput, sentence } from "@nixfleet/protocol";
import { noTargetFinding } from "./git.ts";
import type { Finding, HostInput, KnownTarget, TargetInput } from "./input.ts";
import { count, finding, joinNames, NOT_PROVEN } from "./wording.ts";

const day = 86_400_000;

/** Does the `flake.lock` in the host's clone equal the target's? */
export function lockFinding({ facts }: HostInput, target: TargetInput, now: number): Finding {
  const { lock, clone } = facts;
  if (target.state === "unknown-source") return noTargetFinding(target);
  if (clone?.commit === null) return finding("unknown", "not yet", "Checked after the first pull.");
  if (lock === undefined) return finding("unknown", "not yet", "The host has not reported its flake.lock yet.");
  if (target.state !== "known") return noTargetFinding(target);
  if ("problem" in lock) {
    if (lock.problem.code === "lock-missing") {
      return target.lockHash === null
        ? finding("ok", "none", "Neither the host nor the target has a flake.lock.")
        : missingFinding();
    }
    const lead = "flake.lock cannot be read";
    return clone?.commit === target.commit
      ? brokenInRepository("unreadable", sentence(lock.problem.message), lead)
      : brokenFinding("unreadable", sentence(lock.problem.message), lead);
  }
  if (lock.hash === target.lockHash) return equalFinding(target, now);
  const names = differingInputs(lock.inputs, target.inputs);
  if (names.length === 0) {
    return differsFinding(
      "differs",
      "flake.lock differs from the target's, but every input has the same revision.",
      "flake.lock differs",
    );
  }
  const description = joinNames(names.map((name) => describeDifference(name, own(lock.inputs, name), own(target.inputs, name))));
  const n = count(names.length, "input");
  return differsFinding(
    n,
    `${description} ${names.length === 1 ? "differs" : "differ"} from the target's.`,
    `${count(names.length, "lock input")} ${names.length === 1 ? "differs" : "differ"}`,
  );
}

function equalFinding(target: KnownTarget, now: number): Finding {
  const inputs = Object.entries(target.inputs);
  if (target.stale) {
    return finding(
      "unknown",
      NOT_PROVEN,
      "It equals the last known target's, but the config repository has not been read for a while.",
    );
  }
  const dated = inputs.filter(([, input]) => input.lastModified !== undefined);
  const oldest = dated.sort(([, a], [, b]) => (a.lastModified ?? 0) - (b.lastModified ?? 0))[0];
  const all =
    inputs.length === 0
      ? "It equals the target's."
      : `${inputs.length === 1 ? "The one input equals" : `All ${inputs.length} inputs equal`} the target's.`;
  if (oldest === undefined) return finding("ok", "equal", all);
  const age = Math.max(0, Math.floor((now - (oldest[1].lastModified ?? now)) / day));
  return finding(
    "ok",
    "equal",
    `${all} ${inputs.length === 1 ? "It" : `The oldest, ${oldest[0]},`} is ${count(age, "day")} old.`,
  );
}

function missingFinding(): Finding {
  return brokenFinding("missing", "The host's clone has no flake.lock, but the target has one.", "flake.lock is missing");
}

function brokenFinding(word: string, text: string, lead: string): Finding {
  return finding("broken", word, `${text} A pull restores it.`, {
    cause: { lead, detail: text, since: null },
    note: lead,
    action: { label: "Pull", op: "pull", args: {} },
  });
}

/** The target has the same file: a pull would bring it again. */
function brokenInRepository(word: string, text: string, lead: string): Finding {
  return finding("broken", word, `${text} Correct it in the config repository, commit and push.`, {
    cause: { lead, detail: text, since: null },
    note: lead,
  });
}

function differsFinding(word: string, text: string, note: string): Finding {
  return finding("attention", word, text, {
    cause: { lead: note, detail: text, since: null },
    note,
    action: { label: "Pull", op: "pull", args: {} },
  });
}

/** Names of inputs that only one side has or whose revisions differ, sorted. */
function differingInputs(here: Readonly<Record<string, LockInput>>, there: Readonly<Record<string, LockInput>>): string[] {
  const names = [...new Set([...Object.keys(here), ...Object.keys(there)])].sort();
  return names.filter((name) => {
    const [a, b] = [own(here, name), own(there, name)];
    return a === undefined || b === undefined || a.revision !== b.revision || a.lastModified !== b.lastModified;
  });
}

/** Hosts choose input names: one called `constructor` must not find an inherited property. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function describeDifference(name: string, here: LockInput | undefined, there: LockInput | undefined): string {
  if (here === undefined) return `${name} (new in the target)`;
  if (there === undefined) return `${name} (removed in the target)`;
  if (here.lastModified === undefined || there.lastModified === undefined) return name;
  const days = Math.round((there.lastModified - here.lastModified) / day);
  if (days === 0) return name;
  return `${name} (${count(Math.abs(days), "day")} ${days > 0 ? "older" : "newer"})`;
}
