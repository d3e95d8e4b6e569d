import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Git } from "@nixfleet/runtime";
import { COMPARED } from "./work-tree.ts";

export type DirectoryState = { kind: "usable" } | { kind: "missing" } | { kind: "unusable"; reason: string };

/**
 * Whether a directory holds a clone that git may be let loose in: a real directory with a real `.git`, both of this user. A
 * link would lead into somebody's own checkout.
 */
export async function inspectClone(dir: string): Promise<DirectoryState> {
  for (const path of [dir, join(dir, ".git")]) {
    const stats = await lstatIfThere(path);
    if (stats === undefined) return path === dir ? { kind: "missing" } : { kind: "unusable", reason: "it has no .git" };
    if (!stats.isDirectory()) return { kind: "unusable", reason: `${path} is not a directory of its own` };
    if (stats.uid !== process.getuid?.()) return { kind: "unusable", reason: `${path} belongs to another user` };
  }
  return { kind: "usable" };
}

/**
 * Brings a clone's own settings to what this program wants, since a clone may have been changed by hand: no filters, hooks,
 * alternates or borrowed objects; and takes away locks that a killed git has left. Nobody else works in it: the caller holds
 * the runner's lock.
 */
export async function resetSettings(dir: string, url: string): Promise<void> {
  const git = join(dir, ".git");
  const known = await readIfThere(join(git, "config"));
  const isSha256 = /objectformat\s*=\s*sha256/i.test(known ?? "");
  const format = isSha256 ? "1\n[extensions]\n\tobjectformat = sha256" : "0";
  // Newer versions of Nix take the URLs of submodules from there, as libgit2 reads it (a file:// URL loses a slash, seen with Nix 2.34.8).
  const remote = `[remote "origin"]\n\turl = ${JSON.stringify(url.replace(/^file:\/\//, ""))}\n`;
  // As git-init(1) finds it out: where it is not told, git takes a folder of another case for one that nobody tracks.
  const foldsCase = (await lstatIfThere(join(git, "HeAd"))) !== undefined;
  await writeFile(
    join(git, "config"),
    `[core]\n\tfilemode = true\n\tignorecase = ${foldsCase}\n\tbare = false\n\tlogallrefupdates = false\n\trepositoryformatversion = ${format}\n${remote}`,
  );
  const strange = ["info/attributes", "info/grafts", "info/sparse-checkout", "objects/info/alternates", "config.worktree"];
  for (const name of strange) await rm(join(git, name), { force: true });
  await rm(join(dir, COMPARED), { recursive: true, force: true });
  // Git takes an index for the truth about the work tree; without one it writes every file again.
  await rm(join(git, "index"), { force: true });
  for (const name of await listLocks(git)) await rm(name, { force: true });
}

async function listLocks(git: string): Promise<string[]> {
  const top = (await readdir(git)).filter((name) => name.endsWith(".lock")).map((name) => join(git, name));
  const refs = join(git, "refs");
  if (!(await lstatIfThere(refs))?.isDirectory()) return top;
  const below = await readdir(refs, { recursive: true });
  return [...top, ...below.filter((name) => name.endsWith(".lock")).map((name) => join(refs, name))];
}

/** Makes an empty clone. The object format is that of the commits: 64 digits are SHA-256. */
export async function initClone(git: Git, dir: string, format: "sha1" | "sha256"): Promise<Awaited<ReturnType<Git>>> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  return git(["init", "--quiet", "--template=", `--object-format=${format}`, dir]);
}

/**
 * Takes a clone out of the way, whatever it is: renamed first, which needs no right to what is inside, then removed as far
 * as that goes. A link is removed, never what it leads to.
 */
export async function discardClone(dir: string): Promise<void> {
  const parent = dirname(dir);
  const prefix = `${basename(dir)}.discarded-`;
  const stats = await lstatIfThere(dir);
  if (stats !== undefined && !stats.isDirectory()) await rm(dir);
  else if (stats !== undefined) await rename(dir, join(parent, `${prefix}${process.pid}-${Date.now()}`));
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    try {
      await rm(join(parent, name), { recursive: true, force: true });
    } catch (error) {
      // Files of another user inside stay until somebody with the right comes by: the clone's place is free.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EACCES" && code !== "EPERM") throw error;
    }
  }
}

async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return undefined;
    throw error;
  }
}
