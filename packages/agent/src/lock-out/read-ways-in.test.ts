import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { makeClosure } from "../platforms/closures.fixture.ts";
import { reachOf } from "./firewall.ts";
import { readDarwinWaysIn, readHomeWaysIn, readNixosWaysIn } from "./read-ways-in.ts";

// What these files look like was held against nixpkgs: sshd.nix and firewall-iptables.nix of 2026 (0d953321, file 61933264874 of the
// stored index), firewall-nftables.nix 040b4eb6, nftables.nix 048ef0d4 and its later form with deletion scripts, users-groups.nix
// 005ab72f; nix-darwin a1fa429e. To do so again, read these modules' `ExecStart`, `environment.etc` and `activationScripts`.
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada ada@laptop";
const unit = (start: string) => `[Service]\nExecStart=${start}\nType=oneshot\n`;
const sshdUnit = "[Service]\nExecStart=/nix/store/x/bin/sshd -D -f /etc/ssh/sshd_config\n";

/** Makes a file of the store, and gives its path. */
async function storeFile(root: string, name: string, text: string): Promise<string> {
  const [first = "", ...rest] = name.split("/");
  const closure = await makeClosure(root, first, { [rest.join("/") || "text"]: text });
  return rest.length === 0 ? join(closure, "text") : join(closure, ...rest);
}

test("R83: NixOS: name, sshd with its ports, keys by user, administrators", async () => {
  await using dir = await createTempDir();
  const accounts = {
    mutableUsers: false,
    users: [
      { name: "root", group: "root", uid: 0 },
      { name: "ada", group: "users", uid: null },
      { name: "guest", group: "users", uid: null },
      { name: "bob", group: "wheel", uid: null, shell: "/run/current-system/sw/bin/bash" },
      { name: "eve", group: "wheel", uid: null, shell: "/run/current-system/sw/bin/nologin" },
    ],
    groups: [{ name: "wheel", gid: 1, members: ["ada"] }],
  };
  const spec = await makeClosure(dir.path, "spec", {});
  // A file of the store itself, as pkgs.writeText makes it.
  const json = `${dirname(spec)}/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-users-groups.json`;
  await writeFile(json, JSON.stringify(accounts));
  const closure = await makeClosure(dir.path, "system", {
    activate: `#!/bin/sh\n/nix/store/p/bin/perl \\\n-w /nix/store/q.pl ${json}\n`,
    "etc/hostname": "gate\n",
    "etc/systemd/system/multi-user.target.wants/sshd.service": sshdUnit,
    "etc/ssh/sshd_config": "Port 22\nPort 2222\nPermitRootLogin no\n",
    "etc/ssh/authorized_keys.d/ada": `${key}\n\n# a comment\nfrom="10.0.0.0/8, ::1" ${key.replace("ada@laptop", "")}\n`,
    "etc/ssh/authorized_keys.d/ada.mode": "0444\n",
    "etc/ssh/authorized_keys.d/ada.uid": "+0\n",
  });
  const ways = await readNixosWaysIn(closure, '[Service]\nEnvironment="NIXFLEET_URL=https://fleet.example.org/a%%20b"\n');
  expect(ways).toMatchObject({
    hostname: "gate",
    agent: { url: "https://fleet.example.org/a%20b" },
    admins: ["root", "ada", "bob"],
  });
  expect(ways.ssh).toMatchObject({ kind: "on", server: { ports: [22, 2222] } });
  expect([...ways.keys.keys()]).toEqual(["ada"]);
  expect(ways.keys.get("ada")).toEqual([
    { id: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada", label: "ada@laptop", options: "" },
    { id: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada", label: "…AIKadaadaada", options: 'from="10.0.0.0/8, ::1"' },
  ]);
  expect(ways.firewall).toEqual({ kind: "none" });
});

test("R83: NixOS: sshd that a socket starts, one that nothing starts, and one that is masked", async () => {
  await using dir = await createTempDir();
  const etc = "etc/systemd/system";
  const socket = await makeClosure(dir.path, "socket", {
    [`${etc}/sockets.target.wants/sshd.socket`]: "[Socket]\nAccept=true\nListenStream=22\nListenStream=10.0.0.1:2200\n",
    "etc/ssh/sshd_config": "Port 9\n",
  });
  expect((await readNixosWaysIn(socket, undefined)).ssh).toMatchObject({ kind: "on", server: { ports: [22, 2200] } });
  const idle = await makeClosure(dir.path, "idle", { [`${etc}/sshd.service`]: sshdUnit });
  expect((await readNixosWaysIn(idle, undefined)).ssh).toEqual({ kind: "off" });
  const masked = await makeClosure(dir.path, "masked");
  await mkdir(join(masked, etc, "multi-user.target.wants"), { recursive: true });
  await symlink("/dev/null", join(masked, etc, "multi-user.target.wants/sshd.service"));
  expect((await readNixosWaysIn(masked, undefined)).ssh).toEqual({ kind: "off" });
});

test("R83: NixOS: accounts that are made in another way have no known administrators", async () => {
  await using dir = await createTempDir();
  const closure = await makeClosure(dir.path, "a", { activate: "#!/bin/sh\n" });
  expect((await readNixosWaysIn(closure, undefined)).admins).toBeUndefined();
});

test("R83: NixOS' firewall of iptables: its own lines are understood, others are kept as they are", async () => {
  await using dir = await createTempDir();
  const rules = [
    "#! /nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-bash/bin/sh -e",
    "ip46tables() {",
    '  iptables -w "$@"',
    '  ip6tables -w "$@"',
    "}",
    "ip46tables -D INPUT -j nixos-fw 2> /dev/null || true",
    '  ip46tables -F "$chain" 2> /dev/null || true',
    "ip46tables -N nixos-fw-accept",
    "ip46tables -A nixos-fw-accept -j ACCEPT",
    "ip46tables -A nixos-fw-log-refuse -m pkttype ! --pkt-type unicast -j nixos-fw-refuse",
    "ip46tables -t mangle -D PREROUTING -j nixos-fw-rpfilter 2> /dev/null || true",
    "ip46tables -t mangle -A nixos-fw-rpfilter -m rpfilter --validmark  -j RETURN",
    "iptables -t mangle -A nixos-fw-rpfilter -p udp --sport 67 --dport 68 -j RETURN",
    "ip46tables -t mangle -A PREROUTING -j nixos-fw-rpfilter",
    "# Accept all traffic on the trusted interfaces.",
    "ip46tables -A nixos-fw -i lo -j nixos-fw-accept",
    "ip46tables -A nixos-fw -i tailscale0 -j nixos-fw-accept",
    "ip46tables -A nixos-fw -i ve-+ -p udp --dport 67 -j nixos-fw-accept",
    "ip46tables -A nixos-fw -m conntrack --ctstate ESTABLISHED,RELATED -j nixos-fw-accept",
    "ip46tables -A nixos-fw -p tcp --dport 22 -j nixos-fw-accept ",
    "ip46tables -A nixos-fw -p tcp --dport 8080 -j nixos-fw-accept -i wg0",
    "ip46tables -A nixos-fw -p tcp --dport 9000:9010 -j nixos-fw-accept ",
    "ip46tables -A nixos-fw -p udp --dport 53 -j nixos-fw-accept ",
    "iptables -w -A nixos-fw -p icmp --icmp-type echo-request -j nixos-fw-accept",
    "ip6tables -A nixos-fw -p icmpv6 -j nixos-fw-accept",
    "ip6tables -A nixos-fw -d fe80::/64 -p udp --dport 546 -j nixos-fw-accept",
    "iptables -A nixos-fw -s 10.0.0.0/8 -j nixos-fw-accept",
    "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-ipset/bin/ipset create bad hash:ip",
    "ip46tables -A nixos-fw -j nixos-fw-log-refuse",
    "ip46tables -A INPUT -j nixos-fw",
  ];
  const start = await storeFile(dir.path, "firewall-start/bin/firewall-start", rules.join("\n"));
  const closure = await makeClosure(dir.path, "system", {
    "etc/systemd/system/firewall.service": unit(`@${start} firewall-start`),
  });
  const { firewall } = await readNixosWaysIn(closure, undefined);
  expect(firewall).toMatchObject({
    kind: "filter",
    out: undefined,
    custom: ["iptables -A nixos-fw -s 10.0.0.0/8 -j nixos-fw-accept", "/nix/store/ipset/bin/ipset create bad hash:ip"],
  });
  if (firewall.kind !== "filter") throw new Error("no filter");
  expect(reachOf(firewall.in, 22)).toEqual({ kind: "all" });
  expect(reachOf(firewall.in, 9005)).toEqual({ kind: "all" });
  expect(reachOf(firewall.in, 8080)).toEqual({ kind: "some", interfaces: ["tailscale0", "wg0"] });
  expect(reachOf(firewall.in, 53)).toEqual({ kind: "some", interfaces: ["tailscale0"] });
});

/** The rules that nftables.service of NixOS loads. */
async function nftables(root: string, name: string, rules: string[]) {
  const closure = await makeClosure(root, name);
  const path = `${dirname(closure)}/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nftables-rules`;
  await writeFile(path, rules.join("\n"));
  const start = `${unit("/nix/store/x-nftables-ensure-deletions")}ExecStart=${path}\n`;
  const system = await makeClosure(root, `${name}-system`, { "etc/systemd/system/nftables.service": start });
  return (await readNixosWaysIn(system, undefined)).firewall;
}

const head = [
  "#! /nix/store/nft -f",
  'include "/var/lib/nftables/deletions.nft"',
  "table inet nixos-fw",
  "delete table inet nixos-fw",
];

test("R83: NixOS' firewall of nftables, with what goes out", async () => {
  await using dir = await createTempDir();
  const firewall = await nftables(dir.path, "a", [
    ...head,
    "table inet nixos-fw {",
    "  set temp-ports {",
    '    comment "Temporarily opened ports"',
    "  }",
    "  chain rpfilter {",
    "    type filter hook prerouting priority mangle + 10; policy drop;",
    "  }",
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    '    iifname { "lo", "wg0" } accept comment "trusted interfaces"',
    "    ct state vmap {",
    "      new : jump input-allow,",
    "    }",
    "  }",
    "  chain input-allow {",
    "     tcp dport { 22, 9000-9010 } accept",
    "    iifname eth1 tcp dport { 8080 } accept",
    "     udp dport { 53 } accept",
    "    meta l4proto . th dport @temp-ports accept",
    '    icmp type echo-request  accept comment "allow ping"',
    '    icmpv6 type != { nd-redirect, 139 } accept comment "x"',
    '    ip6 daddr fe80::/64 udp dport 546 accept comment "DHCPv6 client"',
    "    ip saddr 10.0.0.0/8 accept",
    "  }",
    "  chain output {",
    "    type filter hook output priority filter; policy drop;",
    "  }",
    "  chain output-allow {",
    "    oifname eth0 tcp dport { 443 } accept",
    "  }",
    "}",
    "table ip nixos-nat {",
    "  chain pre {",
    "    dnat to 10.0.0.1",
    "  }",
    "}",
  ]);
  expect(firewall).toMatchObject({ kind: "filter", custom: ["ip saddr 10.0.0.0/8 accept"] });
  if (firewall.kind !== "filter" || firewall.out === undefined) throw new Error("no filter");
  expect(reachOf(firewall.in, 22)).toEqual({ kind: "all" });
  expect(reachOf(firewall.in, 8080)).toEqual({ kind: "some", interfaces: ["wg0", "eth1"] });
  expect(reachOf(firewall.out, 443)).toEqual({ kind: "some", interfaces: ["eth0"] });
});

test("R83: nftables with a table of somebody's own only is theirs; without any rule there is no firewall", async () => {
  await using dir = await createTempDir();
  const own = await nftables(dir.path, "b", [
    "flush ruleset",
    "table inet filter {",
    "  chain input {",
    "    tcp dport 22 accept",
    "  }",
    "}",
  ]);
  expect(own).toEqual({ kind: "custom", text: "tcp dport 22 accept" });
  expect(await nftables(dir.path, "c", ["flush ruleset"])).toEqual({ kind: "none" });
});

test("R83: a firewall that is started in a way of its own is not taken for none", async () => {
  await using dir = await createTempDir();
  const closure = await makeClosure(dir.path, "d", { "etc/systemd/system/firewall.service": unit("/opt/my-firewall") });
  expect((await readNixosWaysIn(closure, undefined)).firewall).toEqual({ kind: "custom", text: unit("/opt/my-firewall") });
});

test("R83: nix-darwin: name, Remote Login and keys", async () => {
  await using dir = await createTempDir();
  const script = await makeClosure(dir.path, "script");
  const daemon = `${dirname(script)}/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixfleet-daemon`;
  await writeFile(daemon, "#!/bin/sh\nexport NIXFLEET_URL='https://fleet.example.org/a&b'\n");
  const closure = await makeClosure(dir.path, "system", {
    activate:
      "#!/bin/sh\n  scutil --set HostName mac.example.org\n  scutil --set LocalHostName 'mac'\n  launchctl disable system/com.openssh.sshd\n",
    "etc/ssh/nix_authorized_keys.d/ada": `${key}\n`,
  });
  const ways = await readDarwinWaysIn(closure, `<string>/bin/wait4path /nix/store; exec ${daemon}</string>`);
  expect(ways).toMatchObject({
    hostname: "mac",
    agent: { url: "https://fleet.example.org/a&b" },
    ssh: { kind: "off" },
    admins: undefined,
  });
  expect(ways.keys.get("ada")).toHaveLength(1);
  const other = await makeClosure(dir.path, "other", { activate: "#!/bin/sh\n  scutil --set HostName mac.example.org\n" });
  expect(await readDarwinWaysIn(other, undefined)).toMatchObject({
    hostname: "mac.example.org",
    agent: undefined,
    ssh: { kind: "unmanaged" },
  });
});

test("R83: Home Manager: the keys of its user and the agent, and nothing of the machine", async () => {
  await using dir = await createTempDir();
  const generation = await makeClosure(dir.path, "home", { "home-files/.ssh/authorized_keys": `${key}\n` });
  const ways = await readHomeWaysIn(generation, "ada", "[Service]\nEnvironment=NIXFLEET_URL=http://fleet\n");
  expect(ways).toMatchObject({ hostname: undefined, agent: { url: "http://fleet" }, ssh: { kind: "unmanaged" } });
  expect([...ways.keys]).toEqual([["ada", [expect.objectContaining({ label: "ada@laptop" })]]]);
});

test("R64: a closure's files may hold what they want: a line of slashes, lines of nothing", async () => {
  await using dir = await createTempDir();
  const slashes = "/".repeat(1024 * 1024 - 100);
  const nixos = await makeClosure(dir.path, "system", {
    activate: slashes,
    "etc/systemd/system/multi-user.target.wants/sshd.service": ` -f ${slashes}`,
    "etc/systemd/system/firewall.service": slashes,
  });
  expect(await readNixosWaysIn(nixos, slashes)).toMatchObject({ admins: undefined, firewall: { kind: "custom" } });
  const darwin = await makeClosure(dir.path, "darwin", { activate: "\n".repeat(1024 * 1024) });
  expect(await readDarwinWaysIn(darwin, undefined)).toMatchObject({ hostname: undefined, ssh: { kind: "unmanaged" } });
});
