import { type Status, sentence } from "@nixfleet/protocol";
import type { Finding, RunFacts } from "./input.ts";

/** Longest word of a compartment, in characters. */
export const LONGEST_WORD = 14;

/** For a state that equals the last known target while the config repository cannot be read. */
export const NOT_PROVEN = "not proven";

/** For a host that tracks a source which is not declared here. */
export const NOT_COMPARED = "not compared";

/** "1 commit", "3 commits". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c", "a, b and 4 more". */
export function joinNames(names: readonly string[], most = 3): string {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** Makes a finding; without `more`, one that needs no attention. */
export function finding(status: Status, word: string, text: string, more: Partial<Omit<Finding, "answer">> = {}): Finding {
  return { answer: { status, word, sentence: text }, cause: null, note: null, action: null, failedRun: null, ...more };
}

/** An active run replaces the answer of its compartment. */
export function workingFinding(run: RunFacts): Finding {
  const word = run.word.length > LONGEST_WORD ? `${run.word.slice(0, LONGEST_WORD - 1)}…` : run.word;
  return finding("working", word, sentence(run.sentence));
}
