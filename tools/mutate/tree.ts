import { execFileSync } from "node:child_process";
import { existsSync, globSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A copy of the repository as it is now, with what is not committed yet, for faults to be put into. */
export interface Tree extends AsyncDisposable {
  readonly root: string;
  /** Folder for the temporary files of tests. */
  readonly temporary: string;
  /** Replaces the text of a file; undefined: by the one that it has in the repository. */
  write(file: string, text?: string): Promise<void>;
}

/**
 * Packages are not installed again: they are linked, but for our own, which the copy's programs must find in the copy. Files keep
 * their times, so that make builds nothing that is built.
 */
export async function copyTree(repository: string): Promise<Tree> {
  const place = await mkdtemp(join(tmpdir(), "nixfleet-mutate-"));
  const remove = () => rm(place, { recursive: true, force: true, maxRetries: 5 });
  try {
    return await copyInto(place, repository, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyInto(place: string, repository: string, remove: () => Promise<void>): Promise<Tree> {
  const root = join(place, "tree");
  // Short: sockets of tests are in it, and their paths have at most 107 bytes (unix(7)).
  const temporary = join(place, "t");
  await mkdir(temporary);
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: repository });
  for (const file of list.toString().split("\0")) {
    const from = join(repository, file);
    if (file !== "" && existsSync(from)) await copyFileWithTimes(from, join(root, file));
  }
  await linkPackages(join(repository, "node_modules"), join(root, "node_modules"));
  const { workspaces } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { workspaces: string[] };
  for (const folder of globSync(workspaces, { cwd: repository })) {
    const from = (name: string) => join(repository, folder, name);
    if (existsSync(from("node_modules"))) await symlink(from("node_modules"), join(root, folder, "node_modules"));
    if (existsSync(from("dist")))
      await cp(from("dist"), join(root, folder, "dist"), { recursive: true, preserveTimestamps: true });
  }
  const node = "tools/node/.installed";
  if (existsSync(join(repository, node))) await symlink(join(repository, node), join(root, node));
  return {
    root,
    temporary,
    write: async (file, text) => writeFile(join(root, file), text ?? (await readFile(join(repository, file)))),
    [Symbol.asyncDispose]: remove,
  };
}

async function copyFileWithTimes(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  if (lstatSync(from).isSymbolicLink()) return symlink(readlinkSync(from), to);
  await copyFile(from, to);
  const { atime, mtime } = await stat(from);
  await utimes(to, atime, mtime);
}

async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of readdirSync(from)) {
    // Caches of tools are the copy's own.
    if (name.startsWith(".") && name !== ".bin" && name !== ".package-lock.json") continue;
    if (name === "@nixfleet") {
      await cp(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
    } else {
      await symlink(join(from, name), join(to, name));
    }
  }
}
