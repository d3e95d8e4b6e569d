import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { resolveClosure } from "./links.ts";
import type { Specialisations } from "./platform.ts";

const MOST = 100;

/** A closure within another one: what `specialisation.<name>` of NixOS and of Home Manager makes. */
export interface Specialisation {
  name: string;
  closure: string;
}

/** What a deployment activates: the closure, or the specialisation of it that was chosen. */
export function activatedClosure({
  closure,
  specialisation,
}: {
  closure: string;
  specialisation?: Specialisation | undefined;
}): string {
  return specialisation?.closure ?? closure;
}

/**
 * The specialisations of a closure, by name: NixOS and Home Manager link each below `specialisation/`. None of them has any of its
 * own (specialisation.nix of nixpkgs 05e1dd32 and of Home Manager ec1a8fdf: nested ones are ignored).
 */
export async function listSpecialisations(closure: string): Promise<Specialisation[]> {
  let names: string[];
  try {
    names = await readdir(join(closure, "specialisation"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return [];
    throw error;
  }
  const found: Specialisation[] = [];
  for (const name of names.sort().slice(0, MOST)) {
    const path = await resolveClosure(join(closure, "specialisation", name));
    if (path !== undefined) found.push({ name, closure: path });
  }
  return found;
}

/**
 * Which specialisation a running closure is, and of which closure: the first of these that has it. Undefined: it belongs to none, or was
 * deployed itself, or is itself one of these where specialisations do not become generations.
 */
export async function findSpecialisation(
  running: string,
  { deployed, closures }: { deployed: readonly string[]; closures: readonly string[] },
  { of: listOf, becomeGenerations }: Specialisations,
): Promise<{ name: string; of: string } | undefined> {
  if (deployed.includes(running) || (!becomeGenerations && closures.includes(running))) return undefined;
  for (const of of new Set(closures)) {
    const found = (await listOf(of)).find(({ closure }) => closure === running);
    if (found !== undefined) return { name: found.name, of };
  }
  return undefined;
}
