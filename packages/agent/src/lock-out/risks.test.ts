import { expect, test } from "vitest";
import type { Firewall, OpenPorts } from "./firewall.ts";
import { lockOutRisks } from "./risks.ts";
import { parseSshdConfig } from "./sshd-config.ts";
import { parseAuthorizedKeys, type WaysIn } from "./ways-in.ts";

const ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada ada@laptop";
const bob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbobbobbob bob@desk";
const keys = (of: Record<string, string[]>) =>
  new Map(Object.entries(of).map(([user, lines]) => [user, parseAuthorizedKeys(lines.join("\n"))]));
const sshd = (...lines: string[]): WaysIn["ssh"] => ({ kind: "on", server: parseSshdConfig(lines.join("\n")) });
const open = (port: number, on?: string): OpenPorts => ({ from: port, to: port, on });
const filter = (tcp: OpenPorts[], more: { trusted?: string[]; custom?: string[]; out?: OpenPorts[] } = {}): Firewall => ({
  kind: "filter",
  in: { trusted: more.trusted ?? ["lo"], tcp },
  out: more.out === undefined ? undefined : { trusted: [], tcp: more.out },
  custom: more.custom ?? [],
});

const usual: WaysIn = {
  hostname: "gate",
  agent: { url: "https://fleet.example.org" },
  ssh: sshd("Port 22", "PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no"),
  admins: ["root", "ada"],
  keys: keys({ root: [ada], ada: [ada], guest: [bob] }),
  firewall: filter([open(22), open(443)]),
};

interface Case {
  title: string;
  from?: Partial<WaysIn>;
  to: Partial<WaysIn>;
  risks?: string[];
  unclear?: string[];
}

const cases: Case[] = [
  { title: "the same closure takes nothing away", to: {} },
  {
    title: "sshd off is named, and what follows from it is not",
    to: { ssh: { kind: "off" }, keys: keys({}) },
    risks: ["sshd is switched off."],
  },
  {
    title: "without sshd before there is nothing of it to lose",
    from: { ssh: { kind: "off" } },
    to: { ssh: { kind: "off" }, keys: keys({}), admins: [] },
  },
  {
    title: "Remote Login of a Mac that is switched off",
    from: { ssh: { kind: "unmanaged" } },
    to: { ssh: { kind: "off" } },
    risks: ["sshd is switched off."],
  },
  {
    title: "what the closure leaves to macOS before and after",
    from: { ssh: { kind: "unmanaged" } },
    to: { ssh: { kind: "unmanaged" } },
  },
  {
    title: "a key of root and one of an administrator, each by name; a guest's is their own matter",
    to: { keys: keys({ root: [], ada: [bob] }) },
    risks: ["The key ada@laptop of ada is removed.", "The key ada@laptop of root is removed."],
  },
  {
    title: "where administrators are not known every user counts",
    from: { admins: undefined },
    to: { admins: undefined, keys: keys({ root: [ada], ada: [ada] }) },
    risks: ["The key bob@desk of guest is removed."],
  },
  {
    title: "a key whose comment changes is the same key",
    to: { keys: keys({ root: [ada], ada: [ada.replace("ada@laptop", "ada@new")], guest: [] }) },
  },
  { title: "a key that comes takes nothing away", to: { keys: keys({ root: [ada, bob], ada: [ada], guest: [bob] }) } },
  {
    title: "a key that may do less",
    to: { keys: keys({ root: [`from="10.0.0.0/8" ${ada}`], ada: [ada] }) },
    unclear: ["The options of the key ada@laptop of root are changed."],
  },
  {
    title: "root's key where root could not log in",
    from: { ssh: sshd("PermitRootLogin no") },
    to: { ssh: sshd("PermitRootLogin no"), keys: keys({ ada: [ada] }) },
  },
  { title: "an administrator less", to: { admins: ["root"] }, risks: ["ada is no longer an administrator who can log in."] },
  {
    title: "accounts made by something that is not read",
    to: { admins: undefined },
    unclear: ["The accounts are made in another way: whether those who may become root stay cannot be told."],
  },
  {
    title: "another port",
    to: { ssh: sshd("Port 2222"), firewall: filter([open(2222)]) },
    risks: ["sshd listens on port 2222, and no longer on 22."],
  },
  { title: "a port more", to: { ssh: sshd("Port 22", "Port 2222"), firewall: filter([open(22), open(2222)]) } },
  {
    title: "one address instead of all",
    to: { ssh: sshd("ListenAddress 10.0.0.1:22") },
    risks: ["sshd listens on 10.0.0.1 only."],
  },
  {
    title: "all addresses instead of one",
    from: { ssh: sshd("ListenAddress 10.0.0.1") },
    to: { ssh: sshd("ListenAddress 0.0.0.0") },
  },
  {
    title: "no keys at all",
    from: { ssh: sshd() },
    to: { ssh: sshd("PubkeyAuthentication no") },
    risks: ["sshd takes no keys any more."],
  },
  {
    title: "passwords go, and there are keys",
    from: { ssh: sshd() },
    to: { ssh: sshd("PasswordAuthentication no", "KbdInteractiveAuthentication no") },
  },
  {
    title: "passwords go, and there are no keys",
    from: { ssh: sshd(), keys: keys({ guest: [bob] }) },
    to: { ssh: sshd("PasswordAuthentication no", "ChallengeResponseAuthentication no"), keys: keys({ guest: [bob] }) },
    risks: ["sshd takes no passwords any more, and no administrator has a key in the configuration."],
  },
  {
    title: "one of two ways to give a password stays",
    from: { ssh: sshd(), keys: keys({}) },
    to: { ssh: sshd("PasswordAuthentication no"), keys: keys({}) },
  },
  { title: "root by key is kept out", to: { ssh: sshd("PermitRootLogin no") }, risks: ["root may not log in by ssh any more."] },
  {
    title: "root without a key in the configuration is kept out",
    from: { keys: keys({ ada: [ada] }) },
    to: { ssh: sshd("PermitRootLogin no"), keys: keys({ ada: [ada] }) },
    unclear: ["root may not log in by ssh any more: whether there is a key in /root/.ssh cannot be told."],
  },
  {
    title: "root's password no longer counts, and root has no key",
    from: { ssh: sshd("PermitRootLogin yes"), keys: keys({ ada: [ada] }) },
    to: { ssh: sshd("PermitRootLogin prohibit-password"), keys: keys({ ada: [ada] }) },
    risks: ["root may not log in by ssh with a password any more."],
  },
  {
    title: "root by key keeps to the key's command",
    to: { ssh: sshd("PermitRootLogin forced-commands-only", "PasswordAuthentication no", "KbdInteractiveAuthentication no") },
    risks: ["root may run only the commands of its keys by ssh."],
  },
  { title: "an older name of the same setting", to: { ssh: sshd("PermitRootLogin without-password") } },
  {
    title: "keys in homes are no longer read",
    from: { ssh: sshd("AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /etc/ssh/authorized_keys.d/%u") },
    to: { ssh: sshd("AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u") },
    risks: ["sshd reads no keys from .ssh/authorized_keys any more."],
  },
  {
    title: "a newer nixpkgs names the same files in another way",
    from: { ssh: sshd("AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /etc/ssh/authorized_keys.d/%u") },
    to: { ssh: sshd("AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u") },
  },
  {
    title: "AllowUsers that leaves an administrator out",
    to: { ssh: sshd("AllowUsers root") },
    risks: ["sshd does not let ada in any more: AllowUsers root."],
  },
  {
    title: "AllowUsers with a pattern",
    to: { ssh: sshd("AllowUsers *@10.0.0.0/8") },
    unclear: ["sshd has another AllowUsers: *@10.0.0.0/8. Whom that keeps out cannot be told."],
  },
  { title: "AllowUsers with all of them", to: { ssh: sshd("AllowUsers root ada") } },
  {
    title: "groups",
    to: { ssh: sshd("AllowGroups ssh-users") },
    unclear: ["sshd has another AllowGroups: ssh-users. Whom that keeps out cannot be told."],
  },
  {
    title: "passwords go, and the only key is root's, who may not log in",
    from: { ssh: sshd("PermitRootLogin no"), keys: keys({ root: [ada] }) },
    to: { ssh: sshd("PermitRootLogin no", "PasswordAuthentication no", "KbdInteractiveAuthentication no") },
    risks: ["sshd takes no passwords any more, and no administrator has a key in the configuration."],
  },
  {
    title: "certificates that are no longer trusted",
    from: { ssh: sshd("TrustedUserCAKeys /etc/ssh/ca.pub") },
    to: { ssh: sshd() },
    risks: ["sshd has no TrustedUserCAKeys any more: whom /etc/ssh/ca.pub let in is kept out."],
  },
  {
    title: "a program that knew the keys and is no longer asked",
    from: { ssh: sshd("AuthorizedKeysCommand /run/keys-of %u") },
    to: { ssh: sshd("AuthorizedKeysCommand none") },
    risks: ["sshd has no AuthorizedKeysCommand any more: whom /run/keys-of %u let in is kept out."],
  },
  {
    title: "the same certificates in another store path",
    from: { ssh: sshd(`TrustedUserCAKeys /nix/store/${"0".repeat(32)}-ca.pub`) },
    to: { ssh: sshd(`TrustedUserCAKeys /nix/store/${"1".repeat(32)}-ca.pub`) },
  },
  {
    title: "an administrator less in the second of two lines",
    from: { ssh: sshd("AllowUsers root", "AllowUsers ada") },
    to: { ssh: sshd("AllowUsers root", "AllowUsers guest") },
    risks: ["sshd does not let ada in any more: AllowUsers root guest."],
  },
  {
    title: "a command instead of a shell, for everybody",
    to: { ssh: sshd("ForceCommand /bin/false", "PasswordAuthentication no", "KbdInteractiveAuthentication no") },
    unclear: ["sshd has another ForceCommand: /bin/false. Whom that keeps out cannot be told."],
  },
  {
    title: "algorithms that keep older keys out, by the older name of the setting",
    from: { ssh: sshd() },
    to: { ssh: sshd("PubkeyAcceptedKeyTypes ssh-ed25519") },
    unclear: ["sshd has another PubkeyAcceptedAlgorithms: ssh-ed25519. Whom that keeps out cannot be told."],
  },
  {
    title: "rules that say what holds without them",
    to: { ssh: sshd("PasswordAuthentication no", "ForceCommand none", "AuthenticationMethods any", "PermitTTY yes") },
  },
  {
    title: "the same rules of one's own",
    from: { ssh: sshd("AllowGroups a", "Match User x", "PermitTTY no") },
    to: { ssh: sshd("AllowGroups a", "Match User x", "PermitTTY no") },
  },
  {
    title: "a Match block that comes",
    to: { ssh: sshd("Match Address 10.0.0.0/8", "  PermitRootLogin no") },
    unclear: ["sshd has other rules in Match or Include: whom they keep out cannot be told."],
  },
  {
    title: "the port of sshd is closed",
    to: { firewall: filter([open(443)]) },
    risks: ["The firewall opens port 22 of sshd nowhere any more."],
  },
  {
    title: "the port of sshd is open on one interface only",
    to: { firewall: filter([open(22, "wg0")]) },
    risks: ["The firewall opens port 22 of sshd on wg0 only."],
  },
  { title: "a range that holds the port", to: { firewall: filter([{ from: 20, to: 30, on: undefined }]) } },
  {
    title: "a firewall that comes, closed",
    from: { firewall: { kind: "none" } },
    to: { firewall: filter([]) },
    risks: ["The firewall opens port 22 of sshd nowhere any more."],
  },
  { title: "a firewall that goes", to: { firewall: { kind: "none" } } },
  {
    title: "a port that was open on a trusted interface only, and is",
    from: { firewall: filter([], { trusted: ["lo", "tailscale0"] }) },
    to: { firewall: filter([], { trusted: ["tailscale0"] }) },
  },
  {
    title: "the interface of a VPN that is no longer trusted",
    from: { firewall: filter([], { trusted: ["lo", "tailscale0"] }) },
    to: { firewall: filter([]) },
    risks: ["The firewall opens port 22 of sshd nowhere any more."],
  },
  {
    title: "rules of one's own that come",
    to: { firewall: filter([open(22)], { custom: ["iptables -I nixos-fw -s 10.0.0.9 -j DROP"] }) },
    unclear: ["The firewall has other rules of its own: whether they leave port 22 of sshd open cannot be told."],
  },
  {
    title: "the same rules of one's own",
    from: { firewall: filter([open(22)], { custom: ["x"] }) },
    to: { firewall: filter([open(22)], { custom: ["x"] }) },
  },
  {
    title: "the same rules of one's own do not open what the module closes",
    from: { firewall: filter([open(22)], { custom: ["x"] }) },
    to: { firewall: filter([], { custom: ["x"] }) },
    risks: ["The firewall opens port 22 of sshd nowhere any more."],
  },
  {
    title: "rules of one's own that went can have opened the port",
    from: { firewall: filter([], { custom: ["iptables -A nixos-fw -s 10.0.0.0/8 -j nixos-fw-accept"] }) },
    to: { firewall: filter([]) },
    unclear: ["The firewall has other rules of its own: whether they leave port 22 of sshd open cannot be told."],
  },
  {
    title: "nothing but rules of one's own, and others",
    from: { firewall: { kind: "custom", text: "a" } },
    to: { firewall: { kind: "custom", text: "b" } },
    unclear: ["The firewall has other rules of its own: whether they leave port 22 of sshd open cannot be told."],
  },
  {
    title: "nothing but the same rules of one's own",
    from: { firewall: { kind: "custom", text: "a" } },
    to: { firewall: { kind: "custom", text: "a" } },
  },
  {
    title: "a filter of what goes out that closes the way to the dashboard",
    to: { firewall: filter([open(22)], { out: [open(53)] }) },
    risks: ["The firewall lets this host reach port 443, where its dashboard is, nowhere any more."],
  },
  { title: "a filter of what goes out that leaves it open", to: { firewall: filter([open(22)], { out: [open(443)] }) } },
  {
    title: "another dashboard",
    to: { agent: { url: "wss://other.example.org" } },
    risks: ["The agent connects to wss://other.example.org, and no longer to this dashboard, https://fleet.example.org."],
  },
  {
    title: "an agent that cannot be read",
    to: { agent: { url: undefined } },
    unclear: ["It is not known which dashboard the agent connects to."],
  },
  { title: "no agent is a refusal of its own", to: { agent: undefined } },
  { title: "another name", to: { hostname: "door" }, risks: ["The host is named door, and no longer gate."] },
  {
    title: "no name any more",
    to: { hostname: undefined },
    unclear: ["The configuration no longer sets the name of the host, gate."],
  },
  { title: "a name that is set for the first time", from: { hostname: undefined }, to: {} },
];

test.each(cases)("R83: $title", ({ from = {}, to, risks = [], unclear = [] }) => {
  const before = { ...usual, ...from };
  expect(lockOutRisks(before, { ...before, ...to })).toEqual({ risks, unclear });
});
