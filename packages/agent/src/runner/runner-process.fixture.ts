import { exec, systemClock } from "@nixfleet/runtime";
import { createPlatform } from "../platforms/choose.ts";
import type { RunnerConfig } from "./deps.ts";
import { runRunner } from "./runner.ts";

/** A runner as a process of its own, for tests that kill it: `node runner-process.fixture.ts <config as JSON>`. */
const { config, platform } = JSON.parse(process.argv[2] ?? "") as { config: RunnerConfig; platform: "nixos" | "home-manager" };
const { hostname, systemRoot } = config;
await runRunner({
  config,
  platform: createPlatform({ platform, hostname, flakeAttr: undefined, systemRoot, env: process.env, exec }),
  exec,
  clock: systemClock,
  env: process.env,
  readMachineFacts: async () => ({}),
  log: (line) => process.stderr.write(`${line}\n`),
});
