import type { Import } from "./import-graph.ts";

/** The part of a package that a path is of: its first folder, or a file directly in the root, without `.ts`. */
function partOf(path: string): string {
  return (path.split("/")[0] ?? path).replace(/\.tsx?$/, "");
}

/** Sentences on imports that do not lead down, and on parts that are on no floor. */
export function upwardImports(
  imports: readonly Import[],
  paths: Iterable<string>,
  floors: readonly (readonly string[])[],
): string[] {
  const floorOf = new Map(floors.flatMap((parts, floor) => parts.map((part) => [part, floor] as const)));
  const parts = new Set([...paths].map(partOf));
  const unplaced = [...parts]
    .filter((part) => !floorOf.has(part))
    .map((part) => `${part} is on no floor: tools/imports/floors.ts.`);
  const gone = [...floorOf.keys()].filter((part) => !parts.has(part)).map((part) => `${part} has a floor and is not there.`);
  const upward = imports.flatMap(({ from, to }) => {
    const [upper, lower] = [partOf(from), partOf(to)];
    const [here, there] = [floorOf.get(upper), floorOf.get(lower)];
    if (upper === lower || here === undefined || there === undefined || there < here) return [];
    const why = there === here ? `${lower} is on the same floor as ${upper}` : `${lower} is above ${upper}`;
    return [`${from} imports ${to}, but ${why}.`];
  });
  return [...unplaced, ...gone, ...upward];
}

/** Sentences on imports of a file in another folder that has an index: the index is what others may use. */
export function deepImports(imports: readonly Import[], paths: Iterable<string>): string[] {
  const indexed = new Set([...paths].flatMap((path) => /^(.+)\/index\.tsx?$/.exec(path)?.[1] ?? []));
  return imports.flatMap(({ from, to }) => {
    const folder = [...indexed].find((one) => to.startsWith(`${one}/`) && !from.startsWith(`${one}/`));
    if (folder === undefined || /^\/index\.tsx?$/.test(to.slice(folder.length))) return [];
    return [`${from} imports ${to} past ${folder}/index.ts.`];
  });
}
