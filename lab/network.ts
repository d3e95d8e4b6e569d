import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { run } from "./machine.ts";

/** One range of 256 addresses for each lab, out of those that are set aside for tests of networks (RFC 2544, 198.18.0.0/15). */
export const LARGEST_NUMBER = 511;
/** The addresses of hosts in the range: .10 to .249. */
const FIRST_HOST = 10;
const MOST_HOSTS = 240;

export const bridgeName = (number: number) => `nflab${number}`;
const rangeOf = (number: number) => `198.${18 + (number >> 8)}.${number & 255}`;
const cableName = (number: number, index: number) => `nfl${number}x${index}`;

/** Whether nothing on this machine has an address or a route in the range. */
export async function isRangeFree(number: number): Promise<boolean> {
  const start = `${rangeOf(number)}.`;
  const known = await Promise.all([run(["ip", "-4", "addr"]), run(["ip", "-4", "route", "show", "table", "all"])]);
  return !known.some((text) => text.includes(start));
}

/** How bad a cable is. Delay and loss need a kernel with netem(8), a rate alone only tbf(8). */
export interface BadNetwork {
  delayMs?: number;
  jitterMs?: number;
  lossPercent?: number;
  kbitPerSecond?: number;
}

/** A bridge with this machine at one end, and hosts in network namespaces of their own at the others. */
export interface Network {
  /** This machine's address on the bridge: what hosts reach of it. */
  readonly address: string;
  attach(name: string): Promise<Cable>;
}

/** A host's end of the network. */
export interface Cable {
  /** Path of the network namespace, for nspawn. */
  readonly namespace: string;
  readonly address: string;
  cut(): Promise<void>;
  repair(): Promise<void>;
  /** Makes it bad in both directions; nothing makes it good again. */
  worsen(bad: BadNetwork | undefined): Promise<void>;
}

export async function createNetwork({ number, prefix }: { number: number; prefix: string }): Promise<Network> {
  const bridge = bridgeName(number);
  const range = rangeOf(number);
  await run(["ip", "link", "add", bridge, "type", "bridge"]);
  await run(["ip", "addr", "add", `${range}.1/24`, "dev", bridge]);
  await run(["ip", "link", "set", bridge, "up"]);
  let hosts = 0;
  return {
    address: `${range}.1`,
    async attach(name) {
      if (hosts >= MOST_HOSTS) throw new Error(`A lab has room for ${MOST_HOSTS} hosts.`);
      const index = hosts++;
      const space = `${prefix}${name}`;
      const cable = cableName(number, index);
      const address = `${range}.${FIRST_HOST + index}`;
      await run(["ip", "netns", "add", space]);
      await run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space]);
      await run(["ip", "link", "set", cable, "master", bridge, "up"]);
      await run(["ip", "-n", space, "addr", "add", `${address}/24`, "dev", "eth0"]);
      await run(["ip", "-n", space, "link", "set", "eth0", "up"]);
      await run(["ip", "-n", space, "link", "set", "lo", "up"]);
      return {
        namespace: `/run/netns/${space}`,
        address,
        async cut() {
          await run(["ip", "link", "set", cable, "down"]);
        },
        async repair() {
          await run(["ip", "link", "set", cable, "up"]);
        },
        async worsen(bad) {
          const action = bad === undefined ? "delete" : "replace";
          const discipline = bad === undefined ? [] : disciplineOf(bad);
          await run(["tc", "qdisc", action, "dev", cable, "root", ...discipline]);
          await run(["tc", "-n", space, "qdisc", action, "dev", "eth0", "root", ...discipline]);
        },
      };
    },
  };
}

function disciplineOf({ delayMs = 0, jitterMs = 0, lossPercent = 0, kbitPerSecond }: BadNetwork): string[] {
  const rate = kbitPerSecond === undefined ? [] : ["rate", `${kbitPerSecond}kbit`];
  if (delayMs === 0 && lossPercent === 0) return ["tbf", ...rate, "burst", "4kb", "latency", "2s"];
  return ["netem", "delay", `${delayMs}ms`, `${jitterMs}ms`, "loss", `${lossPercent}%`, ...rate];
}

/** Removes what there is of a lab's network. */
export async function removeNetwork(number: number, prefix: string): Promise<void> {
  const spaces = existsSync("/run/netns") ? await readdir("/run/netns") : [];
  for (const space of spaces) if (space.startsWith(prefix)) await run(["ip", "netns", "delete", space]);
  const cables = (await readdir("/sys/class/net")).filter((name) => name.startsWith(`nfl${number}x`));
  // A cable ends with the namespace that holds its other end, though a moment later: then it is gone before we say so.
  for (const cable of cables) await deleteLink(cable);
  if (existsSync(`/sys/class/net/${bridgeName(number)}`)) await deleteLink(bridgeName(number));
}

async function deleteLink(name: string): Promise<void> {
  try {
    await run(["ip", "link", "delete", name]);
  } catch (error) {
    if (existsSync(`/sys/class/net/${name}`)) throw error;
  }
}
