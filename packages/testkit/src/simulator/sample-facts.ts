import type { Facts, HostPolicy, HostSettings } from "@nixfleet/protocol";
import { OpName } from "@nixfleet/protocol";
import { simulatedClosure } from "./script.ts";

/** Facts of a host that has just been installed at a commit, and has pulled it. */
export function sampleFacts(name: string, { commit, now }: { commit: string; now: number }): Partial<Facts> {
  const closure = simulatedClosure(commit, name);
  const day = 86_400_000;
  return {
    platform: "nixos",
    system: "x86_64-linux",
    os: { name: "NixOS", version: "26.11" },
    kernel: "Linux 6.18.2",
    nix: "2.34.1",
    boot: { id: `boot-${name}`, at: now - 3 * day },
    cores: 4,
    memoryTotal: 16 * 2 ** 30,
    agent: { version: "0.1.0", startedAt: now },
    clone: { commit, branch: "main", fetchedAt: now },
    running: { closure, since: now - day },
    booted: { closure },
    profile: { closure, generation: 1 },
    generations: [{ number: 1, at: now - day, closure, commit, current: true }],
    reboot: { needed: false, reasons: [] },
    failedUnits: [],
    tests: { defined: 2 },
    problems: [],
  };
}

export const samplePolicy: HostPolicy = {
  allowedOps: [...OpName.options],
  allowRewind: false,
  signed: false,
  confirmTimeout: 120,
};

export const sampleSettings: HostSettings = {
  tags: ["simulated"],
  location: "rack",
  deviceType: "server",
  themeColor: null,
  interval: 5,
  repoUrl: "https://git.example/config.git",
  branch: "main",
};
