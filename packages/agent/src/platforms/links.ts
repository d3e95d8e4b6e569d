import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Generation, StorePath } from "@nixfleet/protocol";

/** The store path that a link leads to in the end, or nothing. */
export async function resolveClosure(link: string): Promise<string | undefined> {
  const path = await resolve(link);
  return path !== undefined && StorePath.safeParse(path).success ? path : undefined;
}

/** Where a path leads to in the end, or nothing if it is not there. */
export async function resolve(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "ELOOP") return undefined;
    throw error;
  }
}

/** When the link itself was made, in milliseconds. */
export async function linkedAt(link: string): Promise<number | undefined> {
  try {
    return Math.round((await lstat(link)).mtimeMs);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The number that a profile is at: the link `system` points to `system-42-link` beside it (Nix manual, "Profiles"). */
export async function generationNumber(profile: string): Promise<number | undefined> {
  try {
    return numberOf(basename(await readlink(profile)), basename(profile));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EINVAL" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The closure of a generation of a profile, by its number; undefined if there is none, or if it was collected. */
export function generationClosure(profile: string, number: number): Promise<string | undefined> {
  return resolveClosure(generationLink(profile, number));
}

function generationLink(profile: string, number: number): string {
  return join(dirname(profile), `${basename(profile)}-${number}-link`);
}

/** The generations of a profile, oldest first, at most so many of the newest. */
export async function listGenerations(profile: string, limit = 500): Promise<Generation[]> {
  const directory = dirname(profile);
  const current = await generationNumber(profile);
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return [];
    throw error;
  }
  const numbers = names.flatMap((name) => numberOf(name, basename(profile)) ?? []).sort((a, b) => a - b);
  const generations: Generation[] = [];
  for (const number of numbers.slice(-limit)) {
    const link = generationLink(profile, number);
    const at = await linkedAt(link);
    const closure = await resolveClosure(link);
    if (at === undefined) continue; // Removed while it was listed.
    generations.push({ number, at, ...(closure === undefined ? {} : { closure }), current: number === current });
  }
  return generations;
}

function numberOf(name: string, profile: string): number | undefined {
  const digits = name.startsWith(`${profile}-`) ? /^(\d{1,9})-link$/.exec(name.slice(profile.length + 1))?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}
