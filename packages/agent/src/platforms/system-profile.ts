import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nixEnvironment } from "../nix/environment.ts";
import { generationNumber, linkedAt, listGenerations, resolveClosure } from "./links.ts";
import type { ActivationMode, Before, SystemFacts, UndoStep } from "./platform.ts";

export interface SystemProfileDeps {
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  /** The commit that a closure says it was built from. */
  readRevision: (closure: string) => Promise<string | undefined>;
}

/** `/nix/var/nix/profiles/system` and `/run/current-system`: NixOS and nix-darwin keep them alike. */
export interface SystemProfile {
  readonly profile: string;
  readonly current: string;
  running(): Promise<string | undefined>;
  closure(): Promise<string | undefined>;
  generation(): Promise<number | undefined>;
  /** The profile, if there is one. */
  path(): Promise<string | undefined>;
  set(closure: string, mode: ActivationMode, generation?: number): Promise<readonly [string, ...string[]] | undefined>;
  /** The step of an undo that puts the profile back. */
  putBack(before: Before): UndoStep;
  readFacts(): Promise<SystemFacts>;
}

export function createSystemProfile({ systemRoot, env, readRevision }: SystemProfileDeps): SystemProfile {
  const current = join(systemRoot, "/run/current-system");
  const profile = join(systemRoot, "/nix/var/nix/profiles/system");
  const generation = () => generationNumber(profile);
  return {
    profile,
    current,
    running: () => resolveClosure(current),
    closure: () => resolveClosure(profile),
    generation,
    path: async () => ((await linkedAt(profile)) === undefined ? undefined : profile),
    async set(closure, mode, chosen) {
      if (mode === "test") return undefined;
      await mkdir(dirname(profile), { recursive: true });
      return ["nix-env", "-p", profile, ...(chosen === undefined ? ["--set", closure] : switchTo(chosen))];
    },
    putBack({ closure, profile: was }) {
      const words = was?.generation === undefined ? ["--set", was?.closure ?? closure] : switchTo(was.generation);
      return { argv: ["nix-env", "-p", profile, ...words], env: nixEnvironment(env), launcher: [], unit: null };
    },
    async readFacts() {
      const facts: SystemFacts = { generations: await listGenerations(profile) };
      const running = await resolveClosure(current);
      const named = await resolveClosure(profile);
      const number = await generation();
      if (running !== undefined) {
        const revision = await readRevision(running);
        const since = await linkedAt(current);
        facts.running = {
          closure: running,
          ...(revision === undefined ? {} : { revision }),
          ...(since === undefined ? {} : { since }),
        };
      }
      if (named !== undefined) facts.profile = { closure: named, ...(number === undefined ? {} : { generation: number }) };
      return facts;
    },
  };
}

function switchTo(generation: number): string[] {
  return ["--switch-generation", String(generation)];
}

/** A closure never changes, so what it says is asked once. */
export function rememberByClosure<T>(read: (closure: string) => Promise<T>): (closure: string) => Promise<T> {
  let last: { closure: string; value: Promise<T> } | undefined;
  return (closure) => {
    if (last?.closure !== closure) last = { closure, value: read(closure) };
    return last.value;
  };
}
