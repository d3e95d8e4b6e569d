import type { Commit } from "@nixfleet/protocol";

type Argv = [string, ...string[]];

export interface EvaluationTarget {
  /** The clone's directory. */
  clone: string;
  /** The folder that has the flake; empty: its root. */
  flakeDir: string;
  commit: Commit;
  attribute: string;
  submodules: boolean;
}

/**
 * Prints the derivation of an attribute of the flake at the commit that the clone is at. What its lock file lacks is a fault, never looked
 * up. Named as `HEAD`, since Nix warns of a detached one; without the cache of evaluations, which answers an evaluation that failed
 * before with another error, and never saves `nix eval` any work (docs/decisions/0061).
 */
export function evaluateCommand({ clone, flakeDir, commit, attribute, submodules }: EvaluationTarget): Argv {
  const folder = flakeDir === "" ? "" : `&dir=${encodeURIComponent(flakeDir).replaceAll("%2F", "/")}`;
  const flake = `git+file://${encodeURI(clone)}?ref=HEAD&rev=${commit}${submodules ? "&submodules=1" : ""}${folder}`;
  return [
    "nix",
    ...["--extra-experimental-features", "nix-command flakes"],
    ...["eval", "--raw", "--no-update-lock-file", "--no-eval-cache", "--log-format", "internal-json"],
    `${flake}#${attribute}.drvPath`,
  ];
}

/** Builds a derivation, or fetches its output, and roots it. The old command: its arguments mean the same in 2.8 and 2.34. */
export function buildCommand(derivation: string, root: string): Argv {
  return ["nix-store", "--realise", derivation, "--add-root", root, "--log-format", "internal-json", "-v"];
}

/** Lists a closure with sizes, as `parsePathInfo` reads it. */
export function closureCommand(closure: string): Argv {
  return ["nix", "--extra-experimental-features", "nix-command flakes", "path-info", "--recursive", "--size", closure];
}
