import { realpath } from "node:fs/promises";
import { arch, availableParallelism } from "node:os";
import { type Facts, type Platform, shorten } from "@nixfleet/protocol";
import { bootId } from "@nixfleet/runtime";
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
  agent: { version: string; startedAt: number; program: string | undefined };
}

/** What does not change while this process lives. */
export async function readMachineFacts({ source, platform, agent }: MachineFactsDeps): Promise<Partial<Facts>> {
  const [os, kernel, bootedAt, memoryTotal, storePath] = await Promise.all([
    source.os(),
    source.kernel(),
    source.bootedAt(),
    source.memoryTotal(),
    storePathOf(agent.program),
  ]);
  return {
    platform,
    system: nixSystem(),
    ...(os && { os: { name: shorten(os.name, 120), version: shorten(os.version, 120) } }),
    ...(kernel !== undefined && { kernel: shorten(kernel, 120) }),
    ...(bootedAt !== undefined && { boot: { id: bootId(), at: bootedAt } }),
    cores: availableParallelism(),
    ...(memoryTotal !== undefined && { memoryTotal }),
    agent: { version: agent.version, startedAt: agent.startedAt, ...(storePath !== undefined && { storePath }) },
  };
}

/** The store path that a program lies in, if it lies in a store. */
export async function storePathOf(
  program: string | undefined,
  resolve: (path: string) => Promise<string> = realpath,
): Promise<string | undefined> {
  if (program === undefined) return undefined;
  try {
    return /^\/(?:[^/]+\/)*?store\/[0-9a-df-np-sv-z]{32}-[^/]+/.exec(await resolve(program))?.[0];
  } catch {
    return undefined; // The program was taken away while it runs: which store path it came from cannot be told.
  }
}
