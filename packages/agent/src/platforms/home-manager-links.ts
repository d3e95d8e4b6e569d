import { lstatSync, readdirSync, realpathSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { resolve } from "./links.ts";
import type { Difference, MeantState } from "./platform.ts";

/** Where a generation has the links that it makes below the home. */
const FILES = "home-files";

/** What is in a place of the home. */
type Found = { kind: "nothing" } | { kind: "link"; to: string } | { kind: "file" };

/**
 * Compares a home with what a generation makes of it: each file and link below its `home-files` is a link of the same name below the
 * home that leads to it, unless a file of the same content was there. Nothing is left of the generation that was replaced
 * (`linkGeneration` in modules/files.nix of Home Manager; docs/decisions/0064).
 */
export async function linkDifferences(home: string, { running, replaced, after }: MeantState): Promise<Difference[]> {
  const files = await resolve(join(running, FILES));
  if (files === undefined) return [];
  const names = await leaves(files);
  const differences: Difference[] = [];
  // Home Manager leaves an equal file. A configuration's own activation can put others in place of links, for programs that write there;
  // those that were there before an undo are excepted.
  const mayStay = async (found: Found, path: string, source: string) => {
    if (after !== "undo" && isOwn(found)) return true;
    return found.kind === "file" && (await haveSameContent(path, source));
  };
  for (const name of names) {
    const [path, source] = [join(home, name), join(files, name)];
    const found = await look(path);
    if ((found.kind === "link" && found.to === source) || (await mayStay(found, path, source))) continue;
    // That a place held something of the home's own before excepts nothing that another generation has left there.
    const what = `${nameOf(name)}${isOwn(found) ? " (the home's own)" : ""}`;
    differences.push({ what, sentence: `${path} ${describe(found)}, and should lead to ${source}.` });
  }
  const others = replaced === null ? undefined : await resolve(join(replaced, FILES));
  if (others === undefined || others === files) return differences;
  const meant = new Set(names);
  for (const name of await leaves(others)) {
    const path = join(home, name);
    const found = meant.has(name) ? undefined : await look(path);
    if (found?.kind !== "link" || found.to !== join(others, name)) continue;
    differences.push({ what: nameOf(name), sentence: `${path} still leads to a file of ${replaced}.` });
  }
  return differences;
}

/** Compares what a user's Nix profile has installed with the packages that a generation installs there. */
export async function packageDifferences(profiles: readonly string[], { running }: MeantState): Promise<Difference[]> {
  const meant = await resolve(join(running, "home-path"));
  if (meant === undefined) return [];
  for (const profile of profiles) {
    for (const manifest of ["manifest.json", "manifest.nix"]) {
      const text = await readFile(join(profile, manifest), "utf8").catch(orNothing);
      if (text === undefined) continue;
      if (text.includes(meant)) return [];
      return [{ what: "packages", sentence: `The packages of ${running} are not installed in ${profile}.` }];
    }
  }
  return [];
}

/**
 * Names of files of the home's own in the places of a generation's links. Home Manager moves them aside where it was given an
 * extension for that, and does not activate where it was not (`checkLinkTargets` in modules/files.nix).
 */
export function filesInTheWay(home: string, closure: string): string[] {
  const inTheWay: string[] = [];
  const search = (files: string, directory: string) => {
    for (const entry of readdirSync(join(files, directory), { withFileTypes: true })) {
      const name = join(directory, entry.name);
      if (entry.isDirectory()) search(files, name);
      else if (lstatSync(join(home, name), { throwIfNoEntry: false })?.isSymbolicLink() === false) inTheWay.push(name);
    }
  };
  try {
    search(realpathSync(join(closure, FILES)), "");
  } catch {
    // A closure of another form: its own activation says so. What was found until then stays found.
  }
  return inTheWay;
}

/** A name is as long as the armed record takes it; a longer one is told from others by its end. */
function nameOf(name: string): string {
  return `~/${name.slice(-256)}`;
}

/** The files and links below a directory, by their names there. */
async function leaves(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

async function look(path: string): Promise<Found> {
  try {
    return { kind: "link", to: await readlink(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EINVAL") return { kind: "file" };
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "nothing" };
    throw error;
  }
}

/** Something is there, and is no link of a generation's. */
function isOwn(found: Found): boolean {
  return found.kind === "file" || (found.kind === "link" && !found.to.includes("-home-manager-files/"));
}

function describe(found: Found): string {
  switch (found.kind) {
    case "nothing":
      return "is missing";
    case "file":
      return "is no link";
    case "link":
      return `leads to ${found.to}`;
  }
}

async function haveSameContent(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([readFile(one).catch(orNothing), readFile(other).catch(orNothing)]);
  return a !== undefined && b !== undefined && a.equals(b);
}

/** What is not there, is a directory or is not for this user to read is not compared. */
function orNothing(error: NodeJS.ErrnoException): undefined {
  if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR"].includes(error.code ?? "")) return undefined;
  throw error;
}
