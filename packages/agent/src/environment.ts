type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of these names that are set. */
export function pickVariables(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** A search path that ends with these directories: a service manager gives its services next to none. */
export function pathWith(path: string | undefined, directories: readonly string[]): string {
  const known = (path ?? "").split(":").filter((directory) => directory !== "");
  return [...known, ...directories.filter((directory) => !known.includes(directory))].join(":");
}
