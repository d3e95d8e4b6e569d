import { shorten } from "@nixfleet/protocol";
import { type Exec, succeeded } from "@nixfleet/runtime";
import { pickVariables } from "../environment.ts";

/** Milliseconds that `nix --version` may take. */
const LIMIT = 10_000;

export interface NixVersionDeps {
  exec: Exec;
  /** Where `PATH` is taken from; nothing else is passed on. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Nix's version, from `nix --version`; undefined where Nix cannot be run. Evaluates and builds nothing (R21). */
export async function readNixVersion({ exec, env }: NixVersionDeps): Promise<string | undefined> {
  const result = await exec({
    argv: ["nix", "--version"],
    env: { LC_ALL: "C", ...pickVariables(env, ["PATH"]) },
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  if (!succeeded(result)) return undefined;
  // "nix (Nix) 2.28.3", "nix (Lix, like Nix) 2.93.0", "nix (Determinate Nix 3.6.2) 2.29.0"
  const line = result.stdout.split("\n").find((text) => /^nix\b/.test(text));
  const version = line?.trim().split(/\s/).at(-1);
  return version === undefined ? undefined : shorten(version, 120);
}
