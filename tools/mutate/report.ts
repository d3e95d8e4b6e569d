import { onOneLine } from "./accepted.ts";
import type { Mutant } from "./mutants.ts";

/** What became of a mutant. `unreached`: no test runs that code, so none was tried; `untried`: the time was over. */
export type Verdict =
  | { readonly kind: "killed"; readonly by: "test" | "time limit" | "types" }
  | { readonly kind: "survived" | "unreached" | "accepted" | "untried" };

export interface Result {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
}

/** One line: place, kind, and change. */
export function describeMutant({ file, line, kind, before, after }: Mutant): string {
  return `${file}:${line}  ${kind}: ${onOneLine(before)}  →  ${onOneLine(after)}`;
}

/** Survivors by their place, then a count that adds up. */
export function report(results: readonly Result[]): string[] {
  const of = (kind: Verdict["kind"]) =>
    results
      .filter(({ verdict }) => verdict.kind === kind)
      .map(({ mutant }) => mutant)
      .sort((a, b) => a.file.localeCompare(b.file) || a.start - b.start);
  const list = (title: string, mutants: readonly Mutant[]) =>
    mutants.length === 0 ? [] : [title, ...mutants.map((mutant) => `  ${describeMutant(mutant)}`), ""];
  const count = (kind: Verdict["kind"]) => of(kind).length;
  return [
    ...list("No test notices:", of("survived")),
    ...list("No test reaches:", of("unreached")),
    `${results.length} mutants: ${count("killed")} killed, ${count("survived")} survived, ${count("unreached")} unreached, ` +
      `${count("accepted")} accepted before, ${count("untried")} not tried`,
  ];
}

/** A fixed order by chance, so that a run of limited time sees something of every file. The same seed gives the same order. */
export function shuffle<T>(items: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  // Mulberry32, a small generator of 32 bits.
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
