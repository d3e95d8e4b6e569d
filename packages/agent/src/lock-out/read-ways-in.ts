import { join } from "node:path";
import * as z from "zod";
import { findStorePath } from "../find-store-path.ts";
import { readClosureDirectory, readClosureFile } from "./closure-files.ts";
import { type Firewall, parseIptablesScript, parseNftablesRules, withoutHashes } from "./firewall.ts";
import { parseSshdConfig, socketPorts } from "./sshd-config.ts";
import { parseAuthorizedKeys, type Ssh, type WaysIn } from "./ways-in.ts";

/**
 * What a closure of NixOS says of how its host is reached, from files that it has anyway. Held against sshd.nix, firewall-iptables.nix,
 * firewall-nftables.nix, nftables.nix and users-groups.nix of nixpkgs (decision 0069 names the commits).
 */
export async function readNixosWaysIn(closure: string, agent: string | undefined): Promise<WaysIn> {
  const etc = join(closure, "etc");
  return {
    hostname: await readHostname(join(etc, "hostname")),
    agent: await readAgent(agent),
    ssh: await readSsh(etc),
    admins: await readAdmins(join(closure, "activate")),
    keys: await readKeys(join(etc, "ssh/authorized_keys.d")),
    firewall: await readFirewall(join(etc, "systemd/system")),
  };
}

/**
 * What a closure of nix-darwin says of that: openssh.nix, ssh.nix and networking of nix-darwin a1fa429e (June 2026). Who is an
 * administrator, and what the application firewall lets through, is kept by macOS.
 */
export async function readDarwinWaysIn(closure: string, agent: string | undefined): Promise<WaysIn> {
  const activate = (await readClosureFile(join(closure, "activate"))) ?? "";
  const name =
    /^[ \t]*scutil --set LocalHostName (\S+)$/m.exec(activate) ?? /^[ \t]*scutil --set HostName (\S+)$/m.exec(activate);
  const isOff = /^[ \t]*launchctl disable system\/com\.openssh\.sshd$/m.test(activate);
  return {
    hostname: name?.[1]?.replaceAll("'", ""),
    agent: await readAgent(agent),
    ssh: { kind: isOff ? "off" : "unmanaged" },
    admins: undefined,
    keys: await readKeys(join(closure, "etc/ssh/nix_authorized_keys.d")),
    firewall: { kind: "none" },
  };
}

/** What a generation of Home Manager says of that: the keys of its user, and the agent. */
export async function readHomeWaysIn(generation: string, user: string, agent: string | undefined): Promise<WaysIn> {
  const keys = await readClosureFile(join(generation, "home-files/.ssh/authorized_keys"));
  return {
    hostname: undefined,
    agent: await readAgent(agent),
    ssh: { kind: "unmanaged" },
    admins: undefined,
    keys: new Map(keys === undefined ? [] : [[user, parseAuthorizedKeys(keys)]]),
    firewall: { kind: "none" },
  };
}

async function readHostname(path: string): Promise<string | undefined> {
  const name = (await readClosureFile(path))?.trim();
  return name === "" ? undefined : name;
}

/** The agent's settings are in its units, or in the script that its launchd job starts. */
async function readAgent(serviceFiles: string | undefined): Promise<WaysIn["agent"]> {
  if (serviceFiles === undefined) return undefined;
  const script = findStorePath(serviceFiles, { name: "nixfleet-(?:daemon|agent)(?=[\\s\"'<&;])" });
  const texts = [serviceFiles, (script !== undefined && (await readClosureFile(script))) || ""];
  const set = texts.flatMap((text) => /^(?:Environment="?|export )NIXFLEET_URL=(.*)$/m.exec(text)?.[1] ?? [])[0];
  return { url: set?.replace(/"$/, "").replaceAll("'", "").replaceAll("%%", "%") };
}

async function readSsh(etc: string): Promise<Ssh> {
  const units = join(etc, "systemd/system");
  const socket = await readClosureFile(join(units, "sockets.target.wants/sshd.socket"));
  const service = await readClosureFile(join(units, "multi-user.target.wants/sshd.service"));
  if (socket === undefined && service === undefined) return { kind: "off" };
  // Before 2014 it was no file of /etc.
  const path = findStorePath(service ?? "", { name: '[^\\s"]*', after: " -f " });
  const config = (await readClosureFile(path ?? join(etc, "ssh/sshd_config"))) ?? "";
  return { kind: "on", server: parseSshdConfig(config, socket === undefined ? undefined : socketPorts(socket)) };
}

async function readKeys(directory: string): Promise<WaysIn["keys"]> {
  const files = await readClosureDirectory(directory);
  return new Map([...files].map(([user, text]) => [user, parseAuthorizedKeys(text)]));
}

const Accounts = z.lazy(() =>
  z.object({
    users: z
      .array(z.object({ name: z.string().max(100), group: z.string().max(100).nullish(), shell: z.string().max(1000).nullish() }))
      .max(10_000),
    groups: z.array(z.object({ name: z.string().max(100), members: z.array(z.string().max(100)).max(10_000) })).max(10_000),
  }),
);

/** Shells that let nobody in (nologin(8)). */
const NO_SHELL = /\/(?:nologin|false)$/;

/**
 * Root and the members of `wheel` who have a shell, by the file that the activation makes accounts from. Where systemd-sysusers or userborn makes them,
 * there is none.
 */
async function readAdmins(activate: string): Promise<readonly string[] | undefined> {
  const path = findStorePath((await readClosureFile(activate)) ?? "", { name: 'users-groups\\.json(?=[\\s"]|$)' });
  const text = path === undefined ? undefined : await readClosureFile(path);
  if (text === undefined) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined; // Another form than the one that is known here.
  }
  const parsed = Accounts.safeParse(data);
  if (!parsed.success) return undefined;
  const { users, groups } = parsed.data;
  const wheel = groups.find(({ name }) => name === "wheel")?.members ?? [];
  const admins = users
    .filter(({ name, group }) => name === "root" || group === "wheel" || wheel.includes(name))
    .filter(({ shell }) => typeof shell !== "string" || !NO_SHELL.test(shell));
  return admins.map(({ name }) => name);
}

async function readFirewall(units: string): Promise<Firewall> {
  const iptables = await readClosureFile(join(units, "firewall.service"));
  if (iptables !== undefined) {
    return readRules(iptables, "firewall-start/bin/firewall-start", parseIptablesScript);
  }
  const nftables = await readClosureFile(join(units, "nftables.service"));
  if (nftables === undefined) return { kind: "none" };
  return readRules(nftables, 'nftables-rules(?=[\\s"]|$)', parseNftablesRules);
}

/** The rules that a unit loads; a unit that loads them in another way is one of somebody's own. */
async function readRules(unit: string, name: string, parse: (text: string) => Firewall): Promise<Firewall> {
  const file = findStorePath(unit, { name });
  const text = file === undefined ? undefined : await readClosureFile(file);
  return text === undefined ? { kind: "custom", text: withoutHashes(unit) } : parse(text);
}
