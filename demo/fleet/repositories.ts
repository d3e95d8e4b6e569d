import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { createGitFixture, type FileChanges, type GitFixture, nixSystem } from "@nixfleet/testkit";
import { checkout, type Places } from "./places.ts";
import { bumpVersion, formatVersions, type PackageSet } from "./versions.ts";

/** The two repositories of the demo: the config repository, and the package set that it has as an input. */
export interface Repositories {
  readonly nixpkgs: GitFixture;
  readonly config: GitFixture;
}

const day = 24 * 3600;

/** Opens both repositories, and makes them with some history when they are not there. Dates end at `now`, in seconds. */
export async function openRepositories(places: Places, now: number): Promise<Repositories> {
  let date = now;
  const dates = () => date;
  const nixpkgs = await createGitFixture({ directory: join(places.root, "nixpkgs"), shared: true, dates });
  const config = await createGitFixture({ directory: join(places.root, "config"), shared: true, dates });
  const repositories = { nixpkgs, config };
  if ((await config.git("branch", "--list", "main")) !== "") return repositories;

  const fill = (text: string) =>
    text.replaceAll("@system@", nixSystem()).replaceAll("@quickly@", places.quickly).replaceAll("@nixpkgs@", nixpkgs.origin);
  const packageSet = readTree(join(checkout, "demo/nixpkgs"), fill);
  const newest = JSON.parse(contentOf(packageSet["versions.json"])) as PackageSet;

  date = now - 16 * day;
  await nixpkgs.commit("25.11", { ...packageSet, "versions.json": formatVersions(earlier(newest)) });
  date = now - 15 * day;
  await config.commit("Describe web1, db1 and the laptop", {
    ...readTree(join(checkout, "demo/config-repo"), fill),
    "flake.lock": await lockFile(nixpkgs),
  });
  date = now - 4 * day;
  await nixpkgs.commit("Update the packages of the week", { "versions.json": formatVersions(newest) });
  date = now - 3 * day;
  await config.commit("flake.lock: update nixpkgs", { "flake.lock": await lockFile(nixpkgs) });
  date = now - 5 * 3600;
  const motd = readFileSync(join(config.workTree, "hosts/web1/host.json"), "utf8").replace(
    "serves fleet.example",
    "serves fleet.example and its documentation",
  );
  await config.commit("web1: say what it serves", { "hosts/web1/host.json": motd });
  date = now;
  return repositories;
}

/** The package set as it was some weeks before: a few versions lower. */
function earlier(newest: PackageSet): PackageSet {
  const lower: Record<string, string> = {
    openssl: "3.5.4",
    nginx: "1.27.5",
    lego: "4.27.0",
    postgresql: "17.5",
    redis: "8.2.1",
    fish: "4.0.2",
    neovim: "0.11.4",
    firefox: "144.0.2",
  };
  return Object.fromEntries(
    Object.entries(newest).map(([name, entry]) => [name, { ...entry, version: lower[name] ?? entry.version }]),
  );
}

/** A `flake.lock` whose one input is the package set's newest commit. */
async function lockFile(nixpkgs: GitFixture): Promise<string> {
  const original = { ref: "main", type: "git", url: nixpkgs.url };
  const locked = {
    lastModified: Number(await nixpkgs.git("log", "-1", "--format=%ct")),
    ref: "main",
    rev: await nixpkgs.head(),
    revCount: Number(await nixpkgs.git("rev-list", "--count", "HEAD")),
    type: "git",
    url: nixpkgs.url,
  };
  const nodes = { nixpkgs: { locked, original }, root: { inputs: { nixpkgs: "nixpkgs" } } };
  return `${JSON.stringify({ nodes, root: "root", version: 7 }, null, 2)}\n`;
}

/** New versions of these packages, in the package set and, by a new lock file, in the config repository. */
export async function updatePackages({ nixpkgs, config }: Repositories, names: readonly string[], broken: string | undefined) {
  const path = join(nixpkgs.workTree, "versions.json");
  const versions = JSON.parse(readFileSync(path, "utf8")) as PackageSet;
  const changes: string[] = [];
  const next = Object.fromEntries(
    Object.entries(versions).map(([name, { broken: _, ...entry }]) => {
      const version = names.includes(name) ? bumpVersion(entry.version) : entry.version;
      if (version !== entry.version) changes.push(`${name}: ${entry.version} -> ${version}`);
      return [name, { ...entry, version, ...(name === broken ? { broken: true } : {}) }];
    }),
  );
  const body = changes.join("\n");
  await nixpkgs.commit(`Update ${names.join(", ")}\n\n${body}`, { "versions.json": formatVersions(next) });
  const commit = await config.commit(`flake.lock: update nixpkgs\n\n${body}`, { "flake.lock": await lockFile(nixpkgs) });
  return { commit, changes };
}

/** Whether the last commits left something that fails on purpose, or would lock somebody out. */
export function failures({ config }: Repositories): { unit: string; file: string; locksOut: boolean } {
  const web1 = readHost(config.workTree, "web1");
  const { failingFile = "" } = readHost(config.workTree, "laptop");
  return { unit: web1.failingUnit ?? "", file: failingFile, locksOut: web1.rootKeys?.length !== keysOf("web1").length };
}

interface HostFile {
  failingUnit?: string;
  failingFile?: string;
  rootKeys?: string[];
}

function readHost(root: string, name: string): HostFile {
  return JSON.parse(readFileSync(join(root, "hosts", name, "host.json"), "utf8")) as HostFile;
}

/** The keys of a host as the demo begins. */
function keysOf(name: string): readonly string[] {
  return readHost(join(checkout, "demo/config-repo"), name).rootKeys ?? [];
}

/** A commit after which a switch of web1 takes away ada's key, or no longer does. */
export async function setLockOut({ config }: Repositories, locksOut: boolean): Promise<string> {
  const rootKeys = keysOf("web1").filter((key) => !locksOut || !key.endsWith("ada@laptop"));
  const host = { ...readHost(config.workTree, "web1"), rootKeys };
  const subject = locksOut ? "web1: remove a key that nobody seems to use" : "web1: let ada in again";
  return config.commit(subject, { "hosts/web1/host.json": `${JSON.stringify(host, null, 2)}\n` });
}

/** A commit after which the activation of web1 and of the laptop fails, or no longer does. */
export async function setFailingActivation({ config }: Repositories, fails: boolean): Promise<string> {
  const changes: FileChanges = {};
  for (const [name, key, value] of [
    ["web1", "failingUnit", "nginx.service"],
    ["laptop", "failingFile", ".config/fish/config.fish"],
  ] as const) {
    const path = `hosts/${name}/host.json`;
    const host = readHost(config.workTree, name);
    changes[path] = `${JSON.stringify({ ...host, [key]: fails ? value : "" }, null, 2)}\n`;
  }
  return config.commit(
    fails ? "web1, laptop: try another configuration" : "web1, laptop: go back to the configuration that works",
    changes,
  );
}

function readTree(root: string, fill: (text: string) => string): FileChanges {
  const paths = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = fill(readFileSync(path, "utf8"));
      return [relative(root, path), statSync(path).mode & 0o100 ? { content, executable: true as const } : content];
    }),
  );
}

function contentOf(change: FileChanges[string] | undefined): string {
  if (typeof change !== "string") throw new Error("versions.json is a plain file of the package set");
  return change;
}
