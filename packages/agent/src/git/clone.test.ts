import { createHash } from "node:crypto";
import { chown, cp, link, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Commit } from "@nixfleet/protocol";
import { createGit, exec, type Git } from "@nixfleet/runtime";
import { addOldHistory, createGitFixture, createTempDir, type GitFixture } from "@nixfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Clone, createClone, type SyncResult } from "./clone.ts";
import { readLockFile } from "./lock-file.ts";
import { DEFAULT_TEST_TIMEOUT, readTimeout } from "./test-scripts.ts";

interface Bench extends AsyncDisposable {
  origin: GitFixture;
  clone: Clone;
  dir: string;
  root: string;
  said: string[];
  first: Commit;
  pull(commit?: string): Promise<SyncResult>;
  /** What git itself says of the clone: its commit, and every file that differs from it. */
  state(): Promise<{ head: string; changes: string }>;
}

async function createBench(url?: (origin: GitFixture) => string): Promise<Bench> {
  const origin = await createGitFixture();
  const first = await origin.commit("first", { "flake.nix": "{ }\n", "hosts/gate/a.nix": "1\n" });
  const temp = await createTempDir();
  const dir = join(temp.path, "repo");
  const said: string[] = [];
  const repoUrl = url?.(origin) ?? origin.url;
  const git = createGit({ exec, env: process.env, repoUrl });
  const clone = createClone({ git, dir, url: repoUrl, branch: "main", log: (text) => said.push(text) });
  const inClone = async (...args: string[]) => (await git(args, { cwd: dir })).stdout.trim();
  return {
    origin,
    clone,
    dir,
    root: temp.path,
    said,
    first,
    pull: (commit) =>
      clone.sync({ commit: commit ?? null, fetch: "always", signal: new AbortController().signal, onStderr: () => {} }),
    state: async () => ({
      head: await inClone("rev-parse", "HEAD"),
      changes: await inClone("status", "--porcelain", "--ignored", "--untracked-files=all"),
    }),
    async [Symbol.asyncDispose]() {
      await origin[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** Whatever was done to the clone, a pull brings it to exactly the newest commit. */
async function expectHealed(bench: Bench): Promise<void> {
  const newest = await bench.origin.commit("newest", { "hosts/gate/a.nix": `${Math.random()}\n` });
  expect(await bench.pull(newest)).toEqual({ kind: "at", commit: newest, fetched: true });
  expect(await bench.state()).toEqual({ head: newest, changes: "" });
  const content = await readFile(join(bench.dir, "hosts/gate/a.nix"), "utf8");
  expect(content).toBe(await readFile(join(bench.origin.workTree, "hosts/gate/a.nix"), "utf8"));
}

const inClone = (bench: Bench, ...args: string[]) =>
  exec({ argv: ["git", ...args], cwd: bench.dir, env: { PATH: process.env["PATH"] ?? "" } }).result;

test("R31: a first pull, a later one, an older commit of the branch, and the tip when none is named", async () => {
  await using bench = await createBench();
  expect(await bench.clone.head()).toBeNull();
  expect(await bench.pull()).toEqual({ kind: "at", commit: bench.first, fetched: true });
  await expectHealed(bench);
  expect(await bench.pull(bench.first)).toEqual({ kind: "at", commit: bench.first, fetched: true });
  expect(await bench.state()).toEqual({ head: bench.first, changes: "" });
  expect(await bench.clone.head()).toBe(bench.first);
  expect(await bench.clone.readFile("flake.nix", 10)).toEqual({ kind: "bytes", bytes: Buffer.from("{ }\n") });
  expect(await bench.clone.readFile("nothing", 10)).toEqual({ kind: "missing" });
  // Where newer versions of Nix look for the base of a submodule's relative URL.
  expect(await readFile(join(bench.dir, ".git/config"), "utf8")).toContain(
    `[remote "origin"]\n\turl = "${bench.origin.origin}"\n`,
  );
});

test("R31: without the network, a commit that the clone has is checked out when that is enough", async () => {
  await using bench = await createBench();
  const second = await bench.origin.commit("second", { "b.nix": "2\n" });
  await bench.pull();
  await rm(bench.origin.origin, { recursive: true });
  const request = { signal: new AbortController().signal, onStderr: () => {} };
  const local = await bench.clone.sync({ commit: bench.first, fetch: "if-missing", ...request });
  expect(local).toEqual({ kind: "at", commit: bench.first, fetched: false });
  expect(await bench.clone.sync({ commit: second, fetch: "always", ...request })).toMatchObject({
    kind: "failed",
    fault: { code: "repo-unreachable" },
  });
});

test("R76: a history of bad modes, dates, time zones and e-mails, which git clone takes, is pulled", async () => {
  await using bench = await createBench();
  const tip = await addOldHistory(bench.origin);
  expect(await bench.pull()).toEqual({ kind: "at", commit: tip, fetched: true });
  expect(await bench.state()).toEqual({ head: tip, changes: "" });
  // What is on no branch is looked for in the whole history.
  await bench.origin.git("branch", "other");
  const other = await bench.origin.git("commit-tree", "-p", bench.first, "-m", "other", `${bench.first}^{tree}`);
  await bench.origin.git("update-ref", "refs/heads/other", other);
  expect(await bench.pull(other)).toMatchObject({ kind: "failed", fault: { code: "commit-missing" } });
  expect(bench.said).toEqual([]);
});

test("R10: a commit whose tree would write into .git or out of the clone is refused, and nothing of it is written", async () => {
  await using bench = await createBench();
  await bench.pull();
  for (const name of [".git", ".GIT", "git~1", ".git/hooks", "..", "../up"]) {
    const commit = await commitEntry(bench.origin, name);
    expect(await bench.pull(commit)).toMatchObject({ kind: "failed", fault: { firstError: `invalid path '${name}'` } });
  }
  expect(await readdir(bench.root)).toEqual(["repo"]);
  expect(await readdir(join(bench.dir, ".git"))).not.toContain("hooks");
});

/** Commits a tree of one executable file with a name that git itself would not take. */
async function commitEntry({ git, workTree, origin }: GitFixture, name: string): Promise<Commit> {
  const blob = await git("rev-parse", "HEAD:flake.nix");
  const entry = Buffer.concat([Buffer.from(`100755 ${name}\0`), Buffer.from(blob, "hex")]);
  const env = { PATH: process.env["PATH"] ?? "" };
  const argv: [string, ...string[]] = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"];
  const tree = (await exec({ argv, cwd: workTree, env, stdin: entry }).result).stdout.trim();
  const commit = await git("commit-tree", "-m", "bad", tree);
  await git("--git-dir", origin, "update-ref", "refs/heads/main", commit);
  return commit;
}

test("R31: files that git itself calls modified are whole when they are what checkout wrote: CRLF, ident, an encoding", async () => {
  await using bench = await createBench();
  const files = { "crlf.nix": "a\r\nb\r\n", "old.txt": "$Id: 1234$\n", "utf8.txt": Buffer.from([0xff, 0xfe, 0xfd]) };
  await bench.origin.commit("files", files);
  // Later attributes, which do not lead back to what was committed before them: committed by a tool that does not convert.
  const attributes = "* text=auto\n*.txt ident\nutf8.txt working-tree-encoding=UTF-16LE eol=lf\n*.bin filter=lfs -text\n";
  await writeFile(join(bench.origin.workTree, ".gitattributes"), attributes);
  await bench.origin.git("update-index", "--add", ".gitattributes");
  await bench.origin.git("commit", "--quiet", "-m", "attributes");
  const commit = await bench.origin.git("rev-parse", "HEAD");
  await bench.origin.git("push", "--quiet", "origin", "HEAD");

  expect(await bench.pull()).toEqual({ kind: "at", commit, fetched: true });
  expect(await bench.pull()).toEqual({ kind: "at", commit, fetched: true });

  expect(bench.said).toEqual([]);
  expect((await bench.state()).changes).toContain("old.txt");
  expect(await readFile(join(bench.dir, "crlf.nix"), "utf8")).toBe(files["crlf.nix"]);
  expect(await readFile(join(bench.dir, "old.txt"), "utf8")).toMatch(/^\$Id: [0-9a-f]{40} \$\n$/);
  expect(await readdir(join(bench.dir, ".git"))).not.toContain("nixfleet-compared");
});

/**
 * What git wrote to two names of a file system that folds case: one file, of the last content. Seen with git 2.39.5 on exFAT (exfat-fuse 1.3.0), where
 * `git status` then prints " M README" and "error: short read while indexing README". Such file systems are not to be had everywhere.
 */
function foldingGit(git: Git, dir: string): Git {
  return async (args, request) => {
    const result = await git(args, request);
    const prefix = args.find((arg) => arg.startsWith("--prefix="))?.slice("--prefix=".length);
    if (!args.includes("checkout") && prefix === undefined) return result;
    const [loser, winner] = ["README", "readme"].map((name) => join(dir, prefix ?? "", name)) as [string, string];
    await rm(loser);
    await link(winner, loser);
    return result;
  };
}

test("R31: where the file system folds case, a clone is whole though two names of the commit are one file", async () => {
  await using bench = await createBench();
  const commit = await bench.origin.commit("two", { README: "upper\n", readme: "low\n" });
  const { url } = bench.origin;
  const git = foldingGit(createGit({ exec, env: process.env, repoUrl: url }), bench.dir);
  const clone = createClone({ git, dir: bench.dir, url, branch: "main", log: (text) => bench.said.push(text) });
  const request = { commit: null, fetch: "always" as const, signal: new AbortController().signal, onStderr: () => {} };
  expect(await clone.sync(request)).toEqual({ kind: "at", commit, fetched: true });
  expect((await bench.state()).changes).toBe("M README");
  expect(bench.said).toEqual([]);

  await writeFile(join(bench.dir, ".git/HeAd"), "");
  await clone.sync(request);
  expect(await readFile(join(bench.dir, ".git/config"), "utf8")).toContain("ignorecase = true");
});

test("R31: what was not written as checkout writes it is damage, though git status names no more than a change", async () => {
  await using bench = await createBench();
  await bench.pull();
  const real = createGit({ exec, env: process.env, repoUrl: bench.origin.url });
  const git: Git = async (args, request) => {
    const result = await real(args, request);
    if (args.includes("checkout")) await writeFile(join(bench.dir, "flake.nix"), "{x}\n");
    return result;
  };
  const clone = createClone({ git, dir: bench.dir, url: bench.origin.url, branch: "main", log: () => {} });
  const request = { commit: null, fetch: "always" as const, signal: new AbortController().signal, onStderr: () => {} };
  expect(await clone.sync(request)).toMatchObject({ kind: "failed", fault: { code: "clone-corrupt" } });
});

/** One clone suffers everything, one after the other: each pull finds what the one before has left. */
let suffering: Bench;
beforeAll(async () => {
  suffering = await createBench();
  await suffering.origin.commit("second", { "b.nix": "2\n" });
  await suffering.pull();
});
afterAll(() => suffering[Symbol.asyncDispose]());

test.for<[string, (bench: Bench) => Promise<unknown>]>([
  ["packed refs", (bench) => inClone(bench, "pack-refs", "--all")],
  ["a detached HEAD elsewhere", (bench) => inClone(bench, "checkout", "--orphan", "strange")],
  ["a HEAD that is torn", (bench) => writeFile(join(bench.dir, ".git/HEAD"), "ref: refs/he")],
  [
    "a dirty tree: changed, added, removed, ignored, staged",
    async (bench) => {
      await writeFile(join(bench.dir, "hosts/gate/a.nix"), "dirty\n");
      await rm(join(bench.dir, "flake.nix"));
      await writeFile(join(bench.dir, ".gitignore"), "*.log\n");
      await writeFile(join(bench.dir, "x.log"), "x");
      await inClone(bench, "add", "-A");
      await inClone(bench, "init", "nested");
    },
  ],
  [
    "changes that git was told not to look at",
    async (bench) => {
      await inClone(bench, "update-index", "--assume-unchanged", "flake.nix");
      await writeFile(join(bench.dir, "flake.nix"), "hidden\n");
    },
  ],
  ["a force-pushed branch", (bench) => bench.origin.forcePushTo(bench.first)],
  ["an empty index", (bench) => writeFile(join(bench.dir, ".git/index"), "")],
  ["locks of a killed git", (bench) => writeFile(join(bench.dir, ".git/index.lock"), "")],
  ["a lock on its ref", (bench) => writeFile(join(bench.dir, ".git/refs/nixfleet/tip.lock"), "")],
  ["a ref that is torn", (bench) => writeFile(join(bench.dir, ".git/refs/nixfleet/tip"), "12")],
  ["objects that are gone", (bench) => rm(join(bench.dir, ".git/objects"), { recursive: true })],
  ["objects that are damaged", damageObjects],
  ["no .git at all", (bench) => rm(join(bench.dir, ".git"), { recursive: true })],
  ["settings that make no sense", (bench) => writeFile(join(bench.dir, ".git/config"), "[core\n")],
  ["objects borrowed from elsewhere", (bench) => writeFile(join(bench.dir, ".git/objects/info/alternates"), "/nowhere\n")],
  ["an empty directory", (bench) => rm(bench.dir, { recursive: true }).then(() => mkdir(bench.dir))],
  ["a file in its place", (bench) => rm(bench.dir, { recursive: true }).then(() => writeFile(bench.dir, "x"))],
])("R31: a clone with %s: pull ends with exactly the target commit", async ([, disturb]) => {
  await disturb(suffering);
  await expectHealed(suffering);
});

async function damageObjects(bench: Bench): Promise<void> {
  const objects = join(bench.dir, ".git/objects");
  for (const name of await readdir(objects, { recursive: true })) {
    const path = join(objects, name);
    if ((await stat(path)).isFile() && !name.startsWith("info")) {
      await rm(path);
      await writeFile(path, "damaged");
    }
  }
}

test("R31: a clone of which one pack is cut short is recreated, since git would complain of that pack for ever", async () => {
  await using bench = await createBench();
  await bench.pull();
  for (const kind of ["pack", "idx"]) {
    await writeFile(join(bench.dir, `.git/objects/pack/pack-${"0".repeat(40)}.${kind}`), "");
  }
  expect((await inClone(bench, "status")).stderr).toMatch(/^error: index file .* is too small/);

  await expectHealed(bench);

  expect((await inClone(bench, "status")).stderr).toBe("");
});

test("R31: a shallow clone becomes whole, and a shallow repository is taken as it is", async () => {
  await using bench = await createBench();
  await bench.origin.commit("second", { "b.nix": "2\n" });
  await inClone({ ...bench, dir: bench.root }, "clone", "--quiet", "--depth", "1", bench.origin.url, "repo");
  await expectHealed(bench);
  expect((await inClone(bench, "rev-parse", "--is-shallow-repository")).stdout.trim()).toBe("false");

  await inClone({ ...bench, dir: bench.root }, "clone", "--quiet", "--depth", "1", "--bare", bench.origin.url, "shallow.git");
  const url = `file://${bench.root}/shallow.git`;
  const git = createGit({ exec, env: process.env, repoUrl: url });
  const other = createClone({ git, dir: join(bench.root, "other"), url, branch: "main", log: () => {} });
  const tip = await bench.origin.head();
  const request = { commit: null, fetch: "always" as const, signal: new AbortController().signal, onStderr: () => {} };
  expect(await other.sync(request)).toMatchObject({ kind: "at", commit: tip });
});

test("R31: a checkout of a user's that is in its place behind a link, or around it, is not touched", async () => {
  await using bench = await createBench();
  const own = join(bench.root, "own");
  await cp(bench.origin.workTree, own, { recursive: true });
  await writeFile(join(own, "flake.nix"), "work in progress\n");
  await symlink(own, bench.dir);
  expect(await bench.pull()).toMatchObject({ kind: "at", commit: bench.first });
  expect(await readFile(join(own, "flake.nix"), "utf8")).toBe("work in progress\n");
  expect(bench.said.join()).toContain("not a directory of its own");

  const git = createGit({ exec, env: process.env, repoUrl: bench.origin.url });
  const inside = createClone({ git, dir: join(own, "state/repo"), url: bench.origin.url, branch: "main", log: () => {} });
  await mkdir(join(own, "state/repo"), { recursive: true });
  const request = { commit: null, fetch: "always" as const, signal: new AbortController().signal, onStderr: () => {} };
  expect(await inside.sync(request)).toMatchObject({ kind: "at" });
  expect(await inside.head()).toBe(bench.first);
  expect(await readFile(join(own, "flake.nix"), "utf8")).toBe("work in progress\n");
});

test.runIf(process.getuid?.() === 0)("R31: files of another user in the clone: it is recreated", async () => {
  await using bench = await createBench();
  await bench.pull();
  for (const name of ["", ".git", ".git/HEAD", "flake.nix"]) await chown(join(bench.dir, name), 65_534, 65_534);
  await expectHealed(bench);
  expect(bench.said.join()).toContain("belongs to another user");
  expect((await stat(join(bench.dir, ".git/HEAD"))).uid).toBe(0);
});

test("R31: nothing of the clone's own settings is obeyed: hooks, filters, other programs", async () => {
  await using bench = await createBench();
  await bench.pull();
  const trap = join(bench.root, "trap.sh");
  await writeFile(trap, `#!/bin/sh\ntouch ${bench.root}/sprung\ncat\n`, { mode: 0o755 });
  await mkdir(join(bench.dir, ".git/hooks"), { recursive: true });
  await cp(trap, join(bench.dir, ".git/hooks/post-checkout"));
  for (const name of ["core.fsmonitor", "core.sshCommand", "filter.x.smudge", "core.pager", "uploadpack.packObjectsHook"]) {
    await inClone(bench, "config", name, trap);
  }
  await mkdir(join(bench.dir, ".git/info"), { recursive: true });
  await writeFile(join(bench.dir, ".git/info/attributes"), "* filter=x\n");
  await writeFile(join(bench.dir, ".git/objects/info/alternates"), `${bench.origin.workTree}/.git/objects\n`);
  await expectHealed(bench);
  // Nor is anything borrowed: whoever takes those objects away would take them from this clone.
  expect(await readdir(join(bench.dir, ".git/objects/info"))).not.toContain("alternates");
  expect(await readdir(bench.root)).not.toContain("sprung");
});

test("R31: errors say what it is and what to do: branch, repository, disk", async () => {
  await using bench = await createBench();
  const git = createGit({ exec, env: process.env, repoUrl: bench.origin.url });
  const request = { commit: null, fetch: "always" as const, signal: new AbortController().signal, onStderr: () => {} };
  const deps = { git, dir: bench.dir, url: bench.origin.url, log: () => {} };
  expect(await createClone({ ...deps, branch: "nowhere" }).sync(request)).toMatchObject({
    kind: "failed",
    fault: { code: "branch-missing", firstError: expect.stringContaining("nowhere") },
  });
  expect(await createClone({ ...deps, branch: "nowhere" }).probe(request.signal)).toMatchObject({ code: "branch-missing" });
  expect(await createClone({ ...deps, branch: "main" }).probe(request.signal)).toBeUndefined();
  await writeFile(join(bench.root, "file"), "");
  const blocked = createClone({ ...deps, branch: "main", dir: join(bench.root, "file/repo") });
  expect(await blocked.sync(request)).toMatchObject({ kind: "failed", fault: { reason: expect.stringContaining("file") } });
});

test("a flake.lock becomes its hash and its own inputs; a broken one is a problem, not a guess", () => {
  const lock = {
    version: 7,
    root: "root",
    nodes: {
      root: { inputs: { nixpkgs: "nixpkgs_2", home: "home", same: ["home", "nixpkgs"] } },
      nixpkgs_2: { locked: { type: "github", owner: "NixOS", repo: "nixpkgs", rev: "abc", lastModified: 1767225600 } },
      home: { inputs: { nixpkgs: "nixpkgs_2" }, locked: { type: "git", url: "https://example.org/home", narHash: "sha256-x" } },
    },
  };
  const bytes = Buffer.from(JSON.stringify(lock));
  expect(readLockFile({ kind: "bytes", bytes }, 5)).toEqual({
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    inputs: {
      nixpkgs: { revision: "abc", lastModified: 1767225600000, from: "github:NixOS/nixpkgs" },
      home: { revision: "sha256-x", from: "git:https://example.org/home" },
      same: { revision: "abc", lastModified: 1767225600000, from: "github:NixOS/nixpkgs" },
    },
  });
  expect(readLockFile({ kind: "bytes", bytes: Buffer.from("{") }, 5)).toMatchObject({ problem: { at: 5 } });
  expect(readLockFile({ kind: "too-large" }, 5)).toMatchObject({ problem: { message: "flake.lock is larger than 8 MiB." } });
});

test("a flake.lock is hashed by its very bytes; one that is not UTF-8 is a problem, and one that is not there another", async () => {
  await using bench = await createBench();
  const lock = async () => readLockFile(await bench.clone.readFile("flake.lock", 100), 5);
  const lockOf = async (bytes: Uint8Array | string) => {
    await bench.origin.commit("lock", { "flake.lock": bytes });
    await bench.pull();
    return lock();
  };
  await bench.pull();
  expect(await lock()).toMatchObject({ problem: { code: "lock-missing" } });
  const text = '\u{feff}{ "nodes": { "root": {} } }\n';
  expect(await lockOf(text)).toEqual({ hash: createHash("sha256").update(text).digest("hex"), inputs: {} });
  const latin1 = Buffer.from('{ "nodes": { "root": {} }, "by": "\u00e9" }', "latin1");
  expect(await lockOf(latin1)).toMatchObject({ problem: { message: "flake.lock is not UTF-8." } });
  expect(await lockOf("x".repeat(101))).toMatchObject({ problem: { message: "flake.lock is larger than 8 MiB." } });
});

test("R76: a flake.lock that is a link is the file that it leads to; out of the repository or nowhere is a problem of that name", async () => {
  await using bench = await createBench();
  const text = '{ "nodes": { "root": {} } }\n';
  await mkdir(join(bench.origin.workTree, "locks"));
  await writeFile(join(bench.origin.workTree, "locks/main.lock"), text);
  const lockOf = async (target: string) => {
    await rm(join(bench.origin.workTree, "flake.lock"), { force: true });
    await symlink(target, join(bench.origin.workTree, "flake.lock"));
    await bench.origin.commit("link", {});
    await bench.pull();
    return readLockFile(await bench.clone.readFile("flake.lock", 100), 5);
  };
  expect(await lockOf("locks/main.lock")).toEqual({ hash: createHash("sha256").update(text).digest("hex"), inputs: {} });
  const problems = {
    "../other.lock": "flake.lock is a link that leads out of the repository.",
    "/etc/passwd": "flake.lock is a link that leads out of the repository.",
    "locks/gone.lock": "flake.lock is a link that leads nowhere.",
    "flake.nix/x": "flake.lock is a link that leads nowhere.",
    "flake.lock": "flake.lock is a link that leads back to itself.",
    locks: "flake.lock is a link to a folder.",
  };
  for (const [target, message] of Object.entries(problems)) expect(await lockOf(target)).toMatchObject({ problem: { message } });
});

test("R33: a script says its own timeout in its first lines", () => {
  expect(readTimeout("#!/bin/sh\n# timeout: 7\n")).toBe(7000);
  expect(readTimeout("#!/bin/sh\n# Timeout: 7s\n")).toBe(7000);
  expect(readTimeout("#!/bin/sh\n# timeout: soon\n")).toBe(DEFAULT_TEST_TIMEOUT);
  expect(readTimeout(`${"\n".repeat(20)}# timeout: 7\n`)).toBe(DEFAULT_TEST_TIMEOUT);
});
