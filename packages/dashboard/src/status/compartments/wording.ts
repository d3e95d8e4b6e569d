import { type Status, sentence } from "@nixfleet/protocol";
import type { Finding, RunFacts } from "./input.ts";

/** Longest word of a compartment, in characters. */
export const LONGEST_WORD = 14;

/** The word of what equals the last known target while the config repository cannot be read. */
export const NOT_PROVEN = "not proven";

/** The word of what has nothing to be compared with, since the host tracks a source that is not declared here. */
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

/** Makes an answer that asks for nothing unless `more` says so. */
export function finding(status: Status, word: string, text: string, more: Partial<Omit<Finding, "answer">> = {}): Finding {
  return { answer: { status, word, sentence: text }, cause: null, note: null, action: null, failedRun: null, ...more };
}

/** A run at work takes its compartment's place. */
export function workingFinding(run: RunFacts): Finding {
  const word = run.word.length > LONGEST_WORD ? `${run.word.slice(0, LONGEST_WORD - 1)}…` : run.word;
  return finding("working", word, sentence(run.sentence));
}
