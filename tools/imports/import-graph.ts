import { posix } from "node:path";
import { parseSync } from "rolldown/utils";

/** One file imports another, both as paths below the root that was read, such as `runner/deploy.ts`. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** The imports between these files, by their texts. What leads out of the root, to a package or to no file, is left out. */
export function importsBetween(files: ReadonlyMap<string, string>): Import[] {
  return [...files].flatMap(([from, text]) =>
    specifiersIn(from, text)
      .map((specifier) => posix.join(posix.dirname(from), specifier))
      .filter((to) => files.has(to))
      .map((to) => ({ from, to })),
  );
}

/** What a file imports by a relative path: types, re-exports and `import()` as well. */
function specifiersIn(path: string, text: string): string[] {
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message ?? "unknown error"}`);
  const found = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.map(({ moduleRequest }) => moduleRequest?.value)),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => /^"(.*)"$/.exec(text.slice(start, end))?.[1]),
  ];
  return [...new Set(found.filter((specifier) => specifier?.startsWith(".") === true))] as string[];
}
