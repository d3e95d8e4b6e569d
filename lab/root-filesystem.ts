import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { identifyProcess, isAlive, type ProcessIdentity, processIdentitySchema } from "@nixfleet/runtime";
import { offlineNixConfig } from "@nixfleet/testkit";
import { run, unmountBelow } from "./machine.ts";
import type { Places } from "./places.ts";

const SUITE = "bookworm";

/** What every host finds in its /usr, beside Debian's minimum. */
const PACKAGES = [
  "ca-certificates",
  "dbus",
  "dbus-user-session",
  "faketime",
  "git",
  "iproute2",
  "libpam-systemd",
  "openssh-client",
  "procps",
  "sudo",
  "systemd",
  "systemd-sysv",
  "util-linux",
];

/** debootstrap does not know which package stands in for a virtual one that these need; apt-get does. */
const PACKAGES_BY_APT = ["nix-bin"];

/**
 * The root file system that hosts are overlaid on: Debian, Nix and this project's Node. Made once, for some minutes, and then
 * kept named after what it was made of; what was made of something else is removed.
 */
export async function openRootFilesystem(places: Places, say: (sentence: string) => void): Promise<string> {
  const key = await keyOf();
  const root = join(places.roots, key);
  await mkdir(places.roots, { recursive: true });
  await removeAbandoned(places.roots);
  if (!(await readdir(places.roots)).includes(key)) {
    say("Making the root file system of the hosts: once, for a minute or two.");
    await make(places.roots, root);
  }
  return root;
}

async function keyOf(): Promise<string> {
  const script = await readFile(import.meta.filename, "utf8");
  const made = [script, process.version, process.arch, offlineNixConfig].join("\0");
  return createHash("sha256").update(made).digest("hex").slice(0, 16);
}

/**
 * Removes every root that nobody can want: those of a maker that is dead, and those made of something else that no lab uses.
 * A lab says that it uses one by a lock of its own beside its hosts (`claims.ts` ends labs that are dead before this runs).
 */
async function removeAbandoned(roots: string): Promise<void> {
  for (const name of await readdir(roots)) {
    if (!name.endsWith(".making")) continue;
    const owner = await readOwner(join(roots, name, "owner.json"));
    if (owner !== undefined && isAlive(owner)) continue;
    await unmountBelow(join(roots, name));
    await rm(join(roots, name), { recursive: true, force: true });
  }
}

/** Removes the roots that were made of something else, unless a host is overlaid on them. */
export async function removeOldRoots(places: Places, current: string): Promise<void> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  for (const name of await readdir(places.roots)) {
    const path = join(places.roots, name);
    if (name.endsWith(".making") || name === basename(current) || mounts.includes(`lowerdir=${path},`)) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function readOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return processIdentitySchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined; // Killed before it wrote who it is, which is the first thing that a maker does.
  }
}

/** Made in a directory of its own and renamed when whole. In an overlay without flushes, which take most of the time otherwise. */
async function make(roots: string, root: string): Promise<void> {
  const making = join(roots, `${basename(root)}.${process.pid}.making`);
  const merged = join(making, "merged");
  for (const name of ["empty", "upper", "work", "merged"]) await mkdir(join(making, name), { recursive: true });
  await writeFile(join(making, "owner.json"), JSON.stringify(identifyProcess()));
  const layers = `volatile,lowerdir=${making}/empty,upperdir=${making}/upper,workdir=${making}/work`;
  await run(["mount", "-t", "overlay", "overlay", "-o", layers, merged]);
  try {
    await fill(merged);
  } finally {
    await unmountBelow(making);
  }
  await chmod(join(making, "upper"), 0o755);
  await run(["sync", "--file-system", making]);
  await rename(join(making, "upper"), root).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error; // Another lab was first, with the same.
  });
  await rm(making, { recursive: true, force: true });
}

async function fill(root: string): Promise<void> {
  const mirror = await aptMirror();
  const proxy = await aptProxy();
  const env = { ...process.env, ...(proxy !== "" && { http_proxy: proxy }), LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  await run(["debootstrap", "--variant=minbase", `--include=${PACKAGES.join(",")}`, SUITE, root, mirror], { env });
  await run(["mount", "--bind", "/proc", join(root, "proc")]);
  const options = proxy === "" ? [] : ["-o", `Acquire::http::Proxy=${proxy}`];
  await run(["chroot", root, "apt-get", ...options, "-qq", "install", "--no-install-recommends", ...PACKAGES_BY_APT], { env });
  await run(["umount", join(root, "proc")]);

  await copyFile(process.execPath, join(root, "usr/local/bin/node"));
  await chmod(join(root, "usr/local/bin/node"), 0o755);
  await mkdir(join(root, "etc/nix"), { recursive: true });
  await writeFile(join(root, "etc/nix/nix.conf"), `${offlineNixConfig}\n`);
  // Debian's own choice of services (time, updates, consoles) is nothing that a host of the lab needs.
  await run(["find", join(root, "etc/systemd/system"), "-mindepth", "1", "-delete"]);
  await mkdir(join(root, "nix"), { recursive: true });
  await mkdir(join(root, "var/empty"), { recursive: true });
  for (const path of ["etc/resolv.conf", "etc/hostname", "etc/machine-id", "var/cache/apt", "var/lib/apt/lists"]) {
    await rm(join(root, path), { recursive: true, force: true });
  }
}

/** The mirror that this machine itself installs from, as apt has read its configuration. */
async function aptMirror(): Promise<string> {
  const targets = await run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]);
  const lines = targets.split("\n").map((line) => line.split(" "));
  const mirror = lines.find(([uri, release]) => release === SUITE && uri !== undefined)?.[0];
  if (mirror !== undefined) return mirror;
  throw new Error(`This machine's apt has no source for Debian 12 (${SUITE}). Add one, and run apt-get update.`);
}

async function aptProxy(): Promise<string> {
  const shell = await run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"]);
  return /^proxy='(.*)'$/.exec(shell)?.[1] ?? "";
}
