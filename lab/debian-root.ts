/** What the root file system of a kind of host is made of, and how: Debian, Nix and this project's Node. */
import { appendFile, chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { offlineNixConfig } from "@nixfleet/testkit";
import { HOST_KINDS, type HostKind } from "./host-kinds.ts";
import { run } from "./machine.ts";

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

/** debootstrap does not know which package provides a virtual one that Nix needs; apt-get does. */
const nixPackages = (kind: HostKind) => ["nix-bin", ...(HOST_KINDS[kind].nixDaemon ? ["nix-setup-systemd"] : [])];

/**
 * What NixOS and the lab add to nix.conf(5) where there is a daemon. No feature is switched on: what the agent needs, it has to
 * ask for. An empty `substituters` keeps Nix from looking for a network. The lab's builders come from the root file system, not
 * from the store, and a build can be held by a file in /run/lab.
 */
const DAEMON_NIX_CONFIG = `substituters =
sandbox-paths = /usr /bin /lib /lib64 /run/lab?
`;

/** Nothing that a host reads. Two thirds of a root file system otherwise. */
const UNREAD = ["usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"];

/** Each host has its own. */
const OF_A_HOST = ["etc/resolv.conf", "etc/hostname", "etc/machine-id"];

/** Fills an empty directory. Needs a mirror of Debian; takes a minute or two. */
export async function fillRoot(root: string, kind: HostKind): Promise<void> {
  const mirror = await aptMirror();
  const proxy = await aptProxy();
  const env = { ...process.env, ...(proxy !== "" && { http_proxy: proxy }), LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  await run(["debootstrap", "--variant=minbase", `--include=${PACKAGES.join(",")}`, kind, root, mirror], { env });
  await run(["mount", "--bind", "/proc", join(root, "proc")]);
  const options = proxy === "" ? [] : ["-o", `Acquire::http::Proxy=${proxy}`];
  const install = ["apt-get", ...options, "-qq", "install", "--no-install-recommends", ...nixPackages(kind)] as const;
  await run(["chroot", root, ...install], { env });
  await run(["umount", join(root, "proc")]);

  await copyFile(process.execPath, join(root, "usr/local/bin/node"));
  await chmod(join(root, "usr/local/bin/node"), 0o755);
  await mkdir(join(root, "etc/nix"), { recursive: true });
  if (HOST_KINDS[kind].nixDaemon) await appendFile(join(root, "etc/nix/nix.conf"), DAEMON_NIX_CONFIG);
  else await writeFile(join(root, "etc/nix/nix.conf"), `${offlineNixConfig}\n`);
  // Debian's own choice of services (time, updates, consoles) is nothing that a host of the lab needs.
  await run(["find", join(root, "etc/systemd/system"), "-mindepth", "1", "-delete"]);
  await mkdir(join(root, "nix"), { recursive: true });
  await mkdir(join(root, "var/empty"), { recursive: true });
  for (const path of [...UNREAD, ...OF_A_HOST]) await rm(join(root, path), { recursive: true, force: true });
}

/** The mirror that this machine itself installs from, as apt has read its configuration: it has the other releases too. */
async function aptMirror(): Promise<string> {
  const targets = await run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]);
  const lines = targets.split("\n").map((line) => line.split(" "));
  const mirror = lines.find(([uri, release]) => release === "bookworm" && uri !== undefined)?.[0];
  if (mirror !== undefined) return mirror;
  throw new Error("This machine's apt has no source for Debian 12 (bookworm). Add one, and run apt-get update.");
}

async function aptProxy(): Promise<string> {
  const shell = await run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"]);
  return /^proxy='(.*)'$/.exec(shell)?.[1] ?? "";
}
