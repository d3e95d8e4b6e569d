import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nixEnvironment } from "../nix/environment.ts";
import { generationNumber, linkedAt, listGenerations, resolveClosure } from "./links.ts";
import type { ActivationMode, Before, Difference, HostStep, MeantState, Platform, SystemFacts } from "./platform.ts";

/**
 * Points a profile to one of its generations if it does not do so yet. Nix opens its database before it touches a link, and cannot
 * where its disk is full; a link alone takes no room. With mv(1) of GNU at once, else (macOS) in two steps.
 */
const LINK =
  '[ "$(readlink -f "$1")" = "$3" ] || { ln -sfn "$2" "$1.back" && { mv -fT "$1.back" "$1" 2>/dev/null || { ln -sfn "$2" "$1" && rm -f "$1.back"; }; }; }';

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
  /** The step that sets the profile; none in mode `test`. */
  set(closure: string, mode: ActivationMode, generation?: number): Promise<HostStep[]>;
  /** The steps of an undo that put the profile back. */
  putBack(before: Before): HostStep[];
  /** Whether running closure and profile are as meant. */
  differences(meant: MeantState): Promise<Difference[]>;
  readFacts(): Promise<SystemFacts>;
}

export function createSystemProfile({ systemRoot, env, readRevision }: SystemProfileDeps): SystemProfile {
  const current = join(systemRoot, "/run/current-system");
  const profile = join(systemRoot, "/nix/var/nix/profiles/system");
  const generation = () => generationNumber(profile);
  const step = (...argv: [string, ...string[]]): HostStep => ({
    kind: "profile",
    argv,
    env: nixEnvironment(env),
    launcher: [],
    unit: null,
  });
  return {
    profile,
    current,
    running: () => resolveClosure(current),
    closure: () => resolveClosure(profile),
    generation,
    path: async () => ((await linkedAt(profile)) === undefined ? undefined : profile),
    async set(closure, mode, chosen) {
      if (mode === "test") return [];
      await mkdir(dirname(profile), { recursive: true });
      return [step("nix-env", "-p", profile, ...(chosen === undefined ? ["--set", closure] : switchTo(chosen)))];
    },
    putBack({ closure, profile: was }) {
      const words = was?.generation === undefined ? ["--set", was?.closure ?? closure] : switchTo(was.generation);
      const byNix = step("nix-env", "-p", profile, ...words);
      if (was?.generation === undefined) return [byNix];
      const link = `${basename(profile)}-${was.generation}-link`;
      return [byNix, step("/bin/sh", "-c", LINK, "nixfleet-profile", profile, link, was.closure)];
    },
    differences: async (meant) =>
      compareClosures(
        meant,
        { running: await resolveClosure(current), profile: await resolveClosure(profile) },
        { bootsFromProfile: true },
      ),
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

/** Compares running closure and profile with what was meant, in the same words on each platform. */
export function compareClosures(
  meant: MeantState,
  seen: { running: string | undefined; profile: string | undefined },
  { bootsFromProfile }: Pick<Platform, "bootsFromProfile">,
): Difference[] {
  const differences: Difference[] = [];
  if (seen.running !== meant.running) {
    const sentence = `The host runs ${seen.running ?? "no closure that can be read"}, and not ${meant.running}.`;
    differences.push({ what: "running", sentence });
  }
  if (meant.profile !== null && seen.profile !== meant.profile) {
    const boots = bootsFromProfile ? ": the next boot would bring that" : "";
    const sentence = `The profile points to ${seen.profile ?? "nothing"}, and not to ${meant.profile}${boots}.`;
    differences.push({ what: "profile", sentence });
  }
  return differences;
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
