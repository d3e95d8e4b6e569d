import { covers, type Filter, type Firewall, type Reach, reachOf, withoutHashes } from "./firewall.ts";
import type { SshServer } from "./sshd-config.ts";
import type { AuthorizedKey, WaysIn } from "./ways-in.ts";

/** What a closure would take away, each as a sentence that names it. */
export interface LockOut {
  /** Ways in that the running closure gives and the other one does not. */
  risks: readonly string[];
  /** Changes of which nothing here can tell whether they take a way in away. */
  unclear: readonly string[];
}

/**
 * Which ways into a host a closure takes away, compared with the one that runs (R83). What neither of them has, or both have alike, takes
 * nothing away, whatever it is. That the agent is missing is a refusal of its own.
 */
export function lockOutRisks(before: WaysIn, after: WaysIn): LockOut {
  const found: Found = { risks: [], unclear: [] };
  compareAgents(before, after, found);
  if (before.ssh.kind !== "off") compareSsh(before, after, found);
  const port = portOf(after.agent?.url);
  if (port !== undefined) compareOutgoing(before.firewall, after.firewall, port, found);
  return found;
}

interface Found {
  risks: string[];
  unclear: string[];
}

function compareAgents(before: WaysIn, after: WaysIn, { risks, unclear }: Found): void {
  if (before.hostname !== after.hostname && before.hostname !== undefined) {
    if (after.hostname === undefined) unclear.push(`The configuration no longer sets the name of the host, ${before.hostname}.`);
    else risks.push(`The host is named ${after.hostname}, and no longer ${before.hostname}.`);
  }
  if (before.agent === undefined || after.agent === undefined || before.agent.url === after.agent.url) return;
  const from = before.agent.url;
  const to = after.agent.url;
  if (from === undefined || to === undefined) unclear.push("It is not known which dashboard the agent connects to.");
  else risks.push(`The agent connects to ${to}, and no longer to this dashboard, ${from}.`);
}

function compareSsh(before: WaysIn, after: WaysIn, found: Found): void {
  if (after.ssh.kind === "off") {
    found.risks.push("sshd is switched off.");
    return;
  }
  compareKeys(before, after, found);
  compareAdmins(before, after, found);
  if (before.ssh.kind === "on" && after.ssh.kind === "on") {
    compareServers(before, after, { from: before.ssh.server, to: after.ssh.server }, found);
    comparePorts(before.firewall, after.firewall, { from: before.ssh.server, to: after.ssh.server }, found);
  }
}

/** Root and administrators; everybody with a key, where it is not known who they are. */
function keyHolders({ admins, keys }: WaysIn): string[] {
  return [...keys.keys()].filter((user) => admins === undefined || admins.includes(user)).sort();
}

function compareKeys(before: WaysIn, after: WaysIn, { risks, unclear }: Found): void {
  const rootWasOut = before.ssh.kind === "on" && settingOf(before.ssh.server, "permitrootlogin") === "no";
  for (const user of keyHolders(before)) {
    if (user === "root" && rootWasOut) continue;
    const left = new Map((after.keys.get(user) ?? []).map((key) => [key.id, key]));
    for (const key of uniqueKeys(before.keys.get(user) ?? [])) {
      const same = left.get(key.id);
      if (same === undefined) risks.push(`The key ${key.label} of ${user} is removed.`);
      else if (same.options !== key.options) unclear.push(`The options of the key ${key.label} of ${user} are changed.`);
    }
  }
}

function uniqueKeys(keys: readonly AuthorizedKey[]): AuthorizedKey[] {
  return [...new Map(keys.map((key) => [key.id, key])).values()];
}

function compareAdmins(before: WaysIn, after: WaysIn, { risks, unclear }: Found): void {
  if (before.admins === undefined) return;
  if (after.admins === undefined) {
    unclear.push("The accounts are made in another way: whether those who may become root stay cannot be told.");
    return;
  }
  for (const user of before.admins) {
    if (!after.admins.includes(user)) risks.push(`${user} is no longer an administrator who can log in.`);
  }
}

/**
 * Settings of sshd that keep somebody out by rules of their own: only whether they differ is looked at. Without one everybody is let in,
 * with what this sshd takes by default.
 */
const KEEP_OUT = {
  allowgroups: "AllowGroups",
  denygroups: "DenyGroups",
  denyusers: "DenyUsers",
  authenticationmethods: "AuthenticationMethods",
  revokedkeys: "RevokedKeys",
  forcecommand: "ForceCommand",
  chrootdirectory: "ChrootDirectory",
  permittty: "PermitTTY",
  pubkeyacceptedalgorithms: "PubkeyAcceptedAlgorithms",
  casignaturealgorithms: "CASignatureAlgorithms",
  requiredrsasize: "RequiredRSASize",
} as const;

/** Settings of sshd by which it knows keys and names that are in no file which is read here. Without one they let nobody in. */
const LET_IN = {
  authorizedkeyscommand: "AuthorizedKeysCommand",
  authorizedprincipalscommand: "AuthorizedPrincipalsCommand",
  authorizedprincipalsfile: "AuthorizedPrincipalsFile",
  trustedusercakeys: "TrustedUserCAKeys",
} as const;

/** Values that mean the same as no line at all (sshd_config(5)). */
const NO_RULE: Readonly<Record<string, string>> = { authenticationmethods: "any", permittty: "yes" };

function compareServers(before: WaysIn, after: WaysIn, { from, to }: { from: SshServer; to: SshServer }, found: Found): void {
  const { risks, unclear } = found;
  const gone = from.ports.filter((port) => !to.ports.includes(port));
  if (gone.length > 0) risks.push(`sshd listens on port ${to.ports.join(", ")}, and no longer on ${gone.join(", ")}.`);
  if (to.addresses.length > 0 && (from.addresses.length === 0 || from.addresses.some((one) => !to.addresses.includes(one)))) {
    risks.push(`sshd listens on ${to.addresses.join(", ")} only.`);
  }
  if (isOn(from, "pubkeyauthentication") && !isOn(to, "pubkeyauthentication")) risks.push("sshd takes no keys any more.");
  const isKeyed = keyHolders(after).some((user) => {
    return (user !== "root" || rootLogin(to) !== "no") && (after.keys.get(user) ?? []).length > 0;
  });
  if (takesPasswords(from) && !takesPasswords(to) && !isKeyed) {
    risks.push("sshd takes no passwords any more, and no administrator has a key in the configuration.");
  }
  compareRoot(before, { from, to }, found);
  const files = keyFiles(to);
  for (const file of keyFiles(from)) if (!files.includes(file)) risks.push(`sshd reads no keys from ${file} any more.`);
  compareAllowed(before, { from, to }, found);
  for (const [keyword, name] of Object.entries({ ...KEEP_OUT, ...LET_IN })) {
    const [was, is] = [from, to].map((server) => ruleOf(server, keyword));
    if (was === is) continue;
    if (is !== undefined) unclear.push(`sshd has another ${name}: ${is}. Whom that keeps out cannot be told.`);
    else if (Object.hasOwn(LET_IN, keyword)) risks.push(`sshd has no ${name} any more: whom ${was} let in is kept out.`);
  }
  if (from.custom !== to.custom) unclear.push("sshd has other rules in Match or Include: whom they keep out cannot be told.");
}

/** Undefined: there is none. */
function ruleOf({ settings }: SshServer, keyword: string): string | undefined {
  const rule = withoutHashes((settings.get(keyword) ?? []).join(" "));
  return rule === "" || rule.toLowerCase() === (NO_RULE[keyword] ?? "none") ? undefined : rule;
}

function compareRoot({ keys }: WaysIn, { from, to }: { from: SshServer; to: SshServer }, { risks, unclear }: Found): void {
  const [was, is] = [rootLogin(from), rootLogin(to)];
  if (was === is || was === "no") return;
  const hasKeys = (keys.get("root") ?? []).length > 0;
  if (is === "no" && (hasKeys || was === "yes")) risks.push("root may not log in by ssh any more.");
  else if (is === "no") unclear.push("root may not log in by ssh any more: whether there is a key in /root/.ssh cannot be told.");
  else if (was === "yes" && !hasKeys) risks.push("root may not log in by ssh with a password any more.");
  else if (is === "forced-commands-only") risks.push("root may run only the commands of its keys by ssh.");
}

/** `without-password` is the older name (sshd_config(5)). */
function rootLogin(server: SshServer): string {
  const value = settingOf(server, "permitrootlogin") ?? "prohibit-password";
  return value === "without-password" ? "prohibit-password" : value;
}

function compareAllowed(before: WaysIn, { from, to }: { from: SshServer; to: SshServer }, { risks, unclear }: Found): void {
  const was = from.settings.get("allowusers") ?? [];
  const is = to.settings.get("allowusers") ?? [];
  if (is.length === 0 || was.join(" ") === is.join(" ")) return;
  if ([...was, ...is].some((name) => /[*?!@]/.test(name))) {
    unclear.push(`sshd has another AllowUsers: ${is.join(" ")}. Whom that keeps out cannot be told.`);
    return;
  }
  const could = (before.admins ?? keyHolders(before)).filter((user) => was.length === 0 || was.includes(user));
  const out = could.filter((user) => !is.includes(user) && (user !== "root" || settingOf(from, "permitrootlogin") !== "no"));
  for (const user of out) risks.push(`sshd does not let ${user} in any more: AllowUsers ${is.join(" ")}.`);
}

function settingOf(server: SshServer, keyword: string): string | undefined {
  return server.settings.get(keyword)?.[0]?.toLowerCase();
}

function isOn(server: SshServer, keyword: string): boolean {
  return settingOf(server, keyword) !== "no";
}

function takesPasswords(server: SshServer): boolean {
  return isOn(server, "passwordauthentication") || isOn(server, "kbdinteractiveauthentication");
}

/** `.ssh/authorized_keys` and `%h/.ssh/authorized_keys` are one file; the second one is a relic that hardly anybody has. */
function keyFiles(server: SshServer): string[] {
  const files = server.settings.get("authorizedkeysfile") ?? [".ssh/authorized_keys"];
  return files.map((file) => file.replace(/^%h\//, "")).filter((file) => file !== ".ssh/authorized_keys2");
}

function comparePorts(before: Firewall, after: Firewall, { from, to }: { from: SshServer; to: SshServer }, found: Found): void {
  for (const port of to.ports) {
    const was = from.ports.includes(port) ? port : (from.ports[0] ?? port);
    const [first, second] = [before, after].map((firewall) => wayOf(firewall, "in"));
    compareReach({ before: first, after: second }, { was, is: port }, found, {
      closed: (reach) => `The firewall opens port ${port} of sshd ${describeReach(reach)}.`,
      unclear: `The firewall has other rules of its own: whether they leave port ${port} of sshd open cannot be told.`,
    });
  }
}

function compareOutgoing(before: Firewall, after: Firewall, port: number, found: Found): void {
  const [first, second] = [before, after].map((firewall) => wayOf(firewall, "out"));
  // Own rules without a filter of what goes out were looked at already, as far as they can be.
  if (second === undefined || second.kind !== "filter") return;
  compareReach({ before: first, after: second }, { was: port, is: port }, found, {
    closed: (reach) => `The firewall lets this host reach port ${port}, where its dashboard is, ${describeReach(reach)}.`,
    unclear: `The firewall has other rules of its own: whether they let this host reach port ${port} cannot be told.`,
  });
}

/** One direction of a firewall. Undefined: everything passes. */
type Way = { kind: "filter"; filter: Filter; custom: string } | { kind: "custom"; custom: string } | undefined;

function wayOf(firewall: Firewall, direction: "in" | "out"): Way {
  switch (firewall.kind) {
    case "none":
      return undefined;
    case "custom":
      return { kind: "custom", custom: firewall.text };
    case "filter": {
      const filter = firewall[direction];
      return filter === undefined ? undefined : { kind: "filter", filter, custom: firewall.custom.join("\n") };
    }
  }
}

function compareReach(
  { before, after }: { before: Way; after: Way },
  { was, is }: { was: number; is: number },
  { risks, unclear }: Found,
  words: { closed: (reach: Reach) => string; unclear: string },
): void {
  if (after === undefined) return;
  const isOther = after.custom !== "" && after.custom !== (before?.custom ?? "");
  if (after.kind === "custom") {
    if (isOther) unclear.push(words.unclear);
    return;
  }
  const now = reachOf(after.filter, is);
  // Of what rules of somebody's own let through, this much is known: sshd was not kept to itself.
  const then: Reach = before?.kind === "filter" ? reachOf(before.filter, was) : { kind: "all" };
  const isOpen = covers(now, then);
  // Rules that came can open a port as well as close it; those that went can have opened it, too.
  if (isOther || (isOpen && now.kind === "some" && before?.kind === "filter" && before.custom !== after.custom))
    unclear.push(words.unclear);
  else if (!isOpen) risks.push(words.closed(now));
}

function describeReach(reach: Reach): string {
  if (reach.kind === "all") return "everywhere";
  return reach.interfaces.length === 0 ? "nowhere any more" : `on ${reach.interfaces.join(", ")} only`;
}

function portOf(url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { port, protocol } = new URL(url);
  if (port !== "") return Number(port);
  return protocol === "https:" || protocol === "wss:" ? 443 : 80;
}
