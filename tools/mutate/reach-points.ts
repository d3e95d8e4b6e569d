import { Visitor } from "rolldown/utils";
import { parseProgram } from "./mutants.ts";

/** A part of a file that runs from its beginning or not at all: a block, or the expression that an arrow function consists of. */
export interface ReachPoint {
  readonly file: string;
  readonly id: number;
  readonly kind: "block" | "expression";
  readonly start: number;
  readonly end: number;
}

/** The parts of a file by their place, an outer one before those within. Their numbers begin with `firstId`. */
export function findReachPoints(file: string, source: string, firstId: number): ReachPoint[] {
  const found: Omit<ReachPoint, "id">[] = [];
  new Visitor({
    BlockStatement: ({ start, end }) => void found.push({ file, kind: "block", start, end }),
    ArrowFunctionExpression({ body: { type, start, end } }) {
      if (type !== "BlockStatement") found.push({ file, kind: "expression", start, end });
    },
  }).visit(parseProgram(file, source));
  return found
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .map((point, index) => Object.assign(point, { id: firstId + index }));
}

/** The innermost part around a place. Undefined: it runs when the file is loaded. */
export function reachPointOf(
  points: readonly ReachPoint[],
  at: { readonly file: string; readonly start: number; readonly end: number },
): ReachPoint | undefined {
  return points.findLast(({ file, start, end }) => file === at.file && start <= at.start && at.end <= end);
}

/** The file that records in a folder each part that it reaches, by `reach` of that module, and else behaves the same. */
export function instrument(source: string, points: readonly ReachPoint[], recorder: { module: string; folder: string }): string {
  const call = (id: number) => `reach$(${JSON.stringify(recorder.folder)}, ${id})`;
  const text = points
    .flatMap(({ kind, start, end, id }) =>
      kind === "block"
        ? [{ at: start + 1, text: `${call(id)};` }]
        : [
            { at: start, text: `(${call(id)}, ` },
            { at: end, text: ")" },
          ],
    )
    .sort((a, b) => b.at - a.at)
    .reduce((rest, insertion) => rest.slice(0, insertion.at) + insertion.text + rest.slice(insertion.at), source);
  // At the end, where it moves no line: an import is carried out first wherever it is.
  return `${text}\nimport { reach as reach$ } from ${JSON.stringify(recorder.module)};\n`;
}
