/** TCP ports that are let through, both ends included; on one interface, or on all. */
export interface OpenPorts {
  from: number;
  to: number;
  on: string | undefined;
}

export interface Filter {
  /** Interfaces on which everything is let through. */
  trusted: readonly string[];
  tcp: readonly OpenPorts[];
}

/** What a closure's firewall lets through. */
export type Firewall =
  | { kind: "none" }
  /**
   * NixOS' own. `custom`: lines besides, whose effect is not known here, without the hashes of store paths. `out`: what the host may
   * reach; undefined: everything.
   */
  | { kind: "filter"; in: Filter; out: Filter | undefined; custom: readonly string[] }
  /** Rules of somebody's own and nothing else. */
  | { kind: "custom"; text: string };

/** Where a port is open: on all interfaces, on some or, with none of them, nowhere. */
export type Reach = { kind: "all" } | { kind: "some"; interfaces: readonly string[] };

export function reachOf({ trusted, tcp }: Filter, port: number): Reach {
  const open = tcp.filter(({ from, to }) => from <= port && port <= to).map(({ on }) => on);
  if (open.includes(undefined)) return { kind: "all" };
  const interfaces = [...trusted, ...open.filter((on) => on !== undefined)].filter((on) => on !== "lo");
  return { kind: "some", interfaces: [...new Set(interfaces)] };
}

export function covers(after: Reach, before: Reach): boolean {
  if (after.kind === "all") return true;
  return before.kind === "some" && before.interfaces.every((on) => after.interfaces.includes(on));
}

export function withoutHashes(text: string): string {
  return text.replace(/\/[0-9a-df-np-sv-z]{32}-/g, "/");
}

const TABLES = /\b(?:iptables|ip6tables|ip46tables|ipset|nft)\b/;
/** Lines that every script of the module has, or that say nothing of new TCP connections to this host. */
const OF_THE_MODULE = [
  /^ip46tables\(\) ?\{$/,
  /^ip6?tables -w "\$@"$/,
  /^ip46tables (?:-t (?:mangle|raw) )?-[DFXN] .*nixos-/,
  /^ip46tables -[FX] "\$chain"/,
  /^ip46tables -A nixos-fw-(?:accept|refuse|log-refuse) /,
  /^ip(?:6|46)?tables (?:-w )?-t (?:mangle|raw) -A (?:nixos-fw-rpfilter|PREROUTING -j nixos-fw-rpfilter)\b/,
  /^ip(?:6|46)?tables (?:-w )?-A nixos-fw (?:.* )?-p (?:udp|icmp|icmpv6|ipv6-icmp) /,
  /^ip46tables -A nixos-fw -m conntrack --ctstate [A-Z]+,[A-Z]+ -j nixos-fw-accept$/,
  /^ip46tables -A nixos-fw -j nixos-fw-log-refuse$/,
  /^ip46tables -A INPUT -j nixos-fw$/,
];
const ACCEPTED = /^ip46tables -A nixos-fw -p tcp --dport (\d{1,5})(?::(\d{1,5}))? -j nixos-fw-accept(?: -i (\S+))?$/;
const TRUSTED = /^ip46tables -A nixos-fw -i (\S+) -j nixos-fw-accept$/;

/** Reads `firewall-start` of NixOS (firewall-iptables.nix of nixpkgs; the decision record names the versions). */
export function parseIptablesScript(text: string): Firewall {
  const trusted: string[] = [];
  const tcp: OpenPorts[] = [];
  const custom: string[] = [];
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line.startsWith("#")) continue;
    const accepted = ACCEPTED.exec(line);
    const trusts = TRUSTED.exec(line)?.[1];
    if (accepted !== null) {
      const from = Number(accepted[1]);
      tcp.push({ from, to: Number(accepted[2] ?? from), on: accepted[3] });
    } else if (trusts !== undefined) trusted.push(trusts);
    else if (TABLES.test(line) && !OF_THE_MODULE.some((known) => known.test(line))) custom.push(withoutHashes(line));
  }
  return { kind: "filter", in: { trusted, tcp }, out: undefined, custom };
}

const RULE = /^(?:[io]ifname "?([^\s"{}]+)"? )?tcp dport \{ ?([\d, -]*) ?\} accept$/;
const TRUSTED_RULE = /^[io]ifname \{ (.*) \} accept comment "trusted interfaces"$/;
/** Lines of the module's chains that say nothing of TCP. */
const OF_THE_CHAINS =
  /^(?:[io]ifname \S+ )?(?:udp dport |icmp type |icmpv6 type |ip protocol icmpv6 |ip6 daddr fe80::\/64 udp |meta l4proto \. th dport @temp-ports )/;
const OPENING = { "input-allow": "in", input: "in", "output-allow": "out", output: "out" } as const;

/** Reads `nftables-rules` of NixOS (nftables.nix, firewall-nftables.nix): its table `nixos-fw`, if there is one. */
export function parseNftablesRules(text: string): Firewall {
  const filters = {
    in: { trusted: [] as string[], tcp: [] as OpenPorts[] },
    out: { trusted: [] as string[], tcp: [] as OpenPorts[] },
  };
  const custom: string[] = [];
  const seen = { table: false, output: false };
  let blocks: string[] = [];
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "" || line.startsWith("#") || line.startsWith("include ")) continue;
    if (line.endsWith("{")) {
      blocks.push(line.slice(0, -1).trim());
      if (line === "chain output {") seen.output = true;
      continue;
    }
    if (/^\}[,;]?$/.test(line)) {
      blocks = blocks.slice(0, -1);
      continue;
    }
    const [table, chain = ""] = blocks;
    if (table === undefined && /^(?:delete |add )?table \w+ \S+$|^flush ruleset$/.test(line)) continue;
    if (table !== undefined && /^table \w+ nixos-nat$/.test(table)) continue;
    if (table !== "table inet nixos-fw") {
      custom.push(withoutHashes(line));
      continue;
    }
    seen.table = true;
    const name = /^chain (\S+)$/.exec(chain)?.[1];
    const way = name === undefined || !Object.hasOwn(OPENING, name) ? undefined : OPENING[name as keyof typeof OPENING];
    if (way === undefined) continue;
    const rule = RULE.exec(line);
    const trusts = TRUSTED_RULE.exec(line)?.[1];
    if (rule !== null) filters[way].tcp.push(...portSet(rule[2] ?? "", rule[1]));
    else if (trusts !== undefined) filters[way].trusted.push(...trusts.split(", ").map((one) => one.replaceAll('"', "")));
    else if (name?.endsWith("-allow") === true && !OF_THE_CHAINS.test(line)) custom.push(line);
  }
  if (!seen.table) return custom.length === 0 ? { kind: "none" } : { kind: "custom", text: custom.join("\n") };
  return { kind: "filter", in: filters.in, out: seen.output ? filters.out : undefined, custom };
}

function portSet(text: string, on: string | undefined): OpenPorts[] {
  return text.split(",").flatMap((part) => {
    const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    return from === undefined ? [] : [{ from: Number(from), to: Number(to ?? from), on }];
  });
}
