/** Outputs that Nixpkgs gives packages: a store path's name ends with one of these, unless it is the first output. */
const OUTPUTS = new Set(["bin", "dev", "doc", "info", "lib", "man", "devdoc", "devman", "debug", "static", "data", "dist", "py"]);

export interface PackageName {
  name: string;
  /** Empty, if the name has none. */
  version: string;
}

/**
 * Splits a store path's name as Nix does (manual, `builtins.parseDrvName`): the version begins at the first dash that no
 * letter follows. An output's name at the end belongs to neither, as in `nix store diff-closures`.
 */
export function parsePackageName(full: string): PackageName {
  const split = /^(.*?)-(?=[^A-Za-z-])(.*)$/s.exec(full);
  const name = split?.[1] ?? full;
  const version = split?.[2] ?? "";
  const dash = version === "" ? name.lastIndexOf("-") : version.lastIndexOf("-");
  if (dash <= 0) return { name, version };
  const whole = version === "" ? name : version;
  if (!OUTPUTS.has(whole.slice(dash + 1))) return { name, version };
  return version === "" ? { name: name.slice(0, dash), version } : { name, version: version.slice(0, dash) };
}
