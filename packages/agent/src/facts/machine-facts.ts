import { realpath } from "node:fs/promises";
import { arch, availableParallelism } from "node:os";
import { type Facts, type Platform, shorten } from "@nixfleet/protocol";
import { BUILD_COMMIT, bootId } from "@nixfleet/runtime";
import { installedPathOf } from "../platforms/installed-agent.ts";
import type { Platform as HostPlatform } from "../platforms/platform.ts";
import { AGENT_VERSION } from "../version.ts";
import type { MachineSource } from "./machine-source.ts";

/** Nix's names of processors, where they are not Node's. */
const processors: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
  ia32: "i686",
  arm: "armv7l",
  riscv64: "riscv64",
};

/** The Nix system of this process, such as `x86_64-linux`. */
export function nixSystem(processor: string = arch(), kernel: string = process.platform): string {
  return `${processors[processor] ?? processor}-${kernel}`;
}

export interface MachineFactsDeps {
  source: MachineSource;
  platform: Platform;
}

/** What the machine tells of itself. It does not change while a process lives. */
export async function readMachineFacts({ source, platform }: MachineFactsDeps): Promise<Partial<Facts>> {
  const [os, kernel, bootedAt, memoryTotal] = await Promise.all([
    source.os(),
    source.kernel(),
    source.bootedAt(),
    source.memoryTotal(),
  ]);
  return {
    platform,
    system: nixSystem(),
    ...(os && { os: { name: shorten(os.name, 120), version: shorten(os.version, 120) } }),
    ...(kernel !== undefined && { kernel: shorten(kernel, 120) }),
    ...(bootedAt !== undefined && { boot: { id: bootId(), at: bootedAt } }),
    cores: availableParallelism(),
    ...(memoryTotal !== undefined && { memoryTotal }),
  };
}

/**
 * What the daemon tells of itself, and which agent the running configuration installs: another one than runs means that this one
 * is to be renewed.
 */
export async function readAgentFacts(
  startedAt: number,
  platform?: Pick<HostPlatform, "runningClosure" | "installedAgent">,
  program: string | undefined = process.argv[1],
): Promise<Partial<Facts>> {
  const storePath = await storePathOf(program);
  const running = await platform?.runningClosure();
  const installed = running === undefined ? undefined : await platform?.installedAgent(running);
  const installedPath = installed === undefined ? undefined : installedPathOf(installed);
  return {
    agent: {
      version: AGENT_VERSION,
      ...(BUILD_COMMIT !== undefined && { revision: BUILD_COMMIT }),
      startedAt,
      ...(storePath !== undefined && { storePath }),
      ...(installedPath !== undefined && { installedPath }),
    },
  };
}

/** The store path that a program is in, if it is in a store. */
export async function storePathOf(
  program: string | undefined,
  resolve: (path: string) => Promise<string> = realpath,
): Promise<string | undefined> {
  if (program === undefined) return undefined;
  try {
    return /^\/(?:[^/]+\/)*?store\/[0-9a-df-np-sv-z]{32}-[^/]+/.exec(await resolve(program))?.[0];
  } catch {
    return undefined; // The program was taken away while it runs: which store path it came from is not known.
  }
}
