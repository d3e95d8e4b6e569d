import type { Mutant } from "./mutants.ts";

/** A survivor that nobody needs to look at again. It is found by its text, as lines move. */
export interface AcceptedMutant {
  readonly kind: Mutant["kind"];
  /** The line in which it begins, without the spaces around it. */
  readonly in: string;
  readonly before: string;
  readonly after: string;
  /** How often `before` is in the line already, left of it; none if it is absent. */
  readonly skip?: number;
  /** Why no test can notice it, or why none should. */
  readonly reason: string;
}

/** By the path of the file. */
export type AcceptedMutants = Readonly<Record<string, readonly AcceptedMutant[]>>;

/** The text of a fault on one line, as it is reported and accepted. */
export function onOneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}

/** How a mutant would be accepted. */
export function acceptanceOf(mutant: Mutant, source: string): Omit<AcceptedMutant, "reason"> {
  const line = source.split("\n")[mutant.line - 1] ?? "";
  const left = source.slice(source.lastIndexOf("\n", mutant.start - 1) + 1, mutant.start);
  const skip = left.split(mutant.before).length - 1;
  const own = { kind: mutant.kind, in: line.trim(), before: onOneLine(mutant.before), after: onOneLine(mutant.after) };
  return skip === 0 ? own : { ...own, skip };
}

export function findAccepted(accepted: AcceptedMutants, mutant: Mutant, source: string): AcceptedMutant | undefined {
  const own = acceptanceOf(mutant, source);
  return accepted[mutant.file]?.find(
    (entry) =>
      entry.kind === own.kind &&
      entry.in === own.in &&
      entry.before === own.before &&
      entry.after === own.after &&
      entry.skip === own.skip,
  );
}

/** Entries of the given files of which no mutant is there any more: the code has changed, and they may go. */
export function findStale(
  accepted: AcceptedMutants,
  files: ReadonlyMap<string, { readonly source: string; readonly mutants: readonly Mutant[] }>,
): { file: string; entry: AcceptedMutant }[] {
  return [...files].flatMap(([file, { source, mutants }]) => {
    const there = mutants.map((mutant) => findAccepted(accepted, mutant, source));
    return (accepted[file] ?? []).filter((entry) => !there.includes(entry)).map((entry) => ({ file, entry }));
  });
}
