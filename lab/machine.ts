/** What the lab does on the machine that it runs on: programs, mounts, Debian packages. All of it needs root. */
import { readFileSync } from "node:fs";
import { describeEnd, exec, succeeded } from "@nixfleet/runtime";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface RunOptions {
  env?: Readonly<Record<string, string | undefined>>;
  stdin?: string;
}

/** Runs a program of this machine and returns its output; throws with its words when it fails. */
export async function run(argv: readonly [string, ...string[]], { env = {}, stdin }: RunOptions = {}): Promise<string> {
  const given = Object.entries({ PATH, HOME: "/root", LC_ALL: "C", ...env }).filter((entry) => entry[1] !== undefined);
  const result = await exec({
    argv,
    env: Object.fromEntries(given) as Record<string, string>,
    ...(stdin !== undefined && { stdin }),
  }).result;
  if (succeeded(result)) return result.stdout.trim();
  throw new Error(`${argv.join(" ")}: ${describeEnd(result.end)}\n${result.stderr.slice(-4000)}`);
}

/** What is mounted at or below a directory, the newest mount first: the order in which they can be unmounted. */
export function mountsBelow(directory: string): string[] {
  // proc_pid_mountinfo(5): the fifth field is the mount point, with blanks and backslashes as octal numbers.
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((point) => point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  return points.filter((point) => point === directory || point.startsWith(`${directory}/`)).reverse();
}

export async function unmountBelow(directory: string): Promise<void> {
  // Lazily: what is still in use by a process that is just ending goes with it.
  for (const point of mountsBelow(directory)) await run(["umount", "--lazy", point]);
}

/** Debian packages with the programs that the lab runs on this machine. */
const NEEDED = ["debootstrap", "debian-archive-keyring", "git", "iproute2", "nix-bin", "procps", "systemd-container"];

/** Installs what is missing of them. */
export async function installNeeded(say: (sentence: string) => void): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error("The lab boots hosts with systemd-nspawn: run it as root on Debian 12.");
  }
  const missing: string[] = [];
  for (const name of NEEDED) if (!(await isInstalled(name))) missing.push(name);
  if (missing.length === 0) return;
  say(`Installing ${missing.join(", ")}.`);
  const env = { ...process.env, PATH, DEBIAN_FRONTEND: "noninteractive" };
  await run(["apt-get", "-qq", "update"], { env });
  await run(["apt-get", "-qq", "install", "--no-install-recommends", ...missing], { env });
}

async function isInstalled(name: string): Promise<boolean> {
  const result = await exec({ argv: ["dpkg-query", "--status", name], env: { PATH, LC_ALL: "C" } }).result;
  return succeeded(result) && /^Status: .* installed$/m.test(result.stdout);
}
