import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { resolveClosure } from "./links.ts";

const MOST = 100;

/** A closure within another one: what `specialisation.<name>` of NixOS makes. */
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
 * The specialisations of a closure, by name: NixOS links each below `specialisation/`. None of them has any of its own
 * (specialisation.nix of nixpkgs 05e1dd32: nested ones are ignored).
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
 * Which specialisation a running closure is, and of which closure: the first of these that has it. Undefined: it is one of them itself,
 * or belongs to none.
 */
export async function findSpecialisation(
  running: string,
  closures: readonly string[],
): Promise<{ name: string; of: string } | undefined> {
  const candidates = new Set(closures);
  if (candidates.has(running)) return undefined;
  for (const of of candidates) {
    const found = (await listSpecialisations(of)).find(({ closure }) => closure === running);
    if (found !== undefined) return { name: found.name, of };
  }
  return undefined;
}
