import { exec, succeeded } from "@nixfleet/runtime";
import type { GitFixture } from "./git-fixture.ts";

const SOUND = "Ada <ada@fleet.example> 1700000000 +0000";

/**
 * Objects that git-fsck(1) complains of, by its names of the faults. Old and foreign tools have made such ones, and `git clone` takes each
 * of them (seen with git 2.39.5; the test of this file tries it again with the git that is there).
 */
const AUTHORS: Readonly<Record<string, string>> = {
  badTimezone: "Ada <ada@fleet.example> 1700000000 +051800",
  badDate: "Ada <ada@fleet.example> yesterday",
  badDateOverflow: "Ada <ada@fleet.example> 99999999999999999999 +0000",
  missingEmail: "Ada ada@fleet.example 1700000000 +0000",
  badEmail: "Ada <ada@fleet <ada@fleet.example> 1700000000 +0000",
  badName: "Ada> <ada@fleet.example> 1700000000 +0000",
  missingSpaceBeforeEmail: "Ada<ada@fleet.example> 1700000000 +0000",
  missingSpaceBeforeDate: "Ada <ada@fleet.example>1700000000 +0000",
  missingNameBeforeEmail: "<ada@fleet.example> 1700000000 +0000",
};
const TREES: Readonly<Record<string, readonly [mode: string, name: string][]>> = {
  treeNotSorted: [
    ["100644", "b"],
    ["100644", "a"],
  ],
  duplicateEntries: [
    ["100644", "a"],
    ["100644", "a"],
  ],
  hasDotgit: [["100644", ".git"]],
};

/** The names of the faults. */
export const OLD_FAULTS: readonly string[] = ["zeroPaddedFilemode", ...Object.keys(AUTHORS), ...Object.keys(TREES)];

/**
 * Commits each of the faults onto the branch `main`, and then the tree of before, whose folder has a zero-padded mode from then on.
 * Returns the new tip. The work tree stays as it is.
 */
export async function addOldHistory({ git, workTree, origin }: GitFixture): Promise<string> {
  const store = async (type: string, content: Buffer | string) => {
    const argv: [string, ...string[]] = ["git", "hash-object", "-w", "-t", type, "--literally", "--stdin"];
    const written = await exec({ argv, cwd: workTree, env: { PATH: process.env["PATH"] ?? "" }, stdin: content }).result;
    if (!succeeded(written)) throw new Error(written.stderr);
    return written.stdout.trim();
  };
  let tip = await git("rev-parse", "refs/heads/main");
  const tree = await git("rev-parse", `${tip}^{tree}`);
  const commit = async (subject: string, of: string, author = SOUND, committer = SOUND) => {
    const header = [`tree ${of}`, `parent ${tip}`, `author ${author}`, `committer ${committer}`];
    tip = await store("commit", `${header.join("\n")}\n\n${subject}\n`);
  };
  const treeOf = (entries: readonly (readonly [mode: string, name: string, id: string])[]) =>
    store(
      "tree",
      Buffer.concat(entries.flatMap(([mode, name, id]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")])),
    );

  for (const [fault, author] of Object.entries(AUTHORS)) await commit(fault, tree, author, author);
  const blob = await store("blob", "old\n");
  for (const [fault, entries] of Object.entries(TREES)) {
    await commit(fault, await treeOf(entries.map(([mode, name]) => [mode, name, blob] as const)));
  }
  const listed = (await git("ls-tree", tree)).split("\n").flatMap((line) => {
    const [, mode, id, name] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/.exec(line) ?? [];
    return mode === undefined || id === undefined || name === undefined ? [] : [[mode, name, id] as const];
  });
  await commit("zeroPaddedFilemode", await treeOf(listed));
  await git("update-ref", "refs/heads/main", tip);
  await exec({
    argv: ["git", "update-ref", "refs/heads/main", tip],
    cwd: origin,
    env: { PATH: process.env["PATH"] ?? "" },
  }).result;
  return tip;
}
