/** `make demo`: a dashboard, a config repository and three hosts on this machine, until Ctrl-C. */
import { rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { takeLock } from "@nixfleet/runtime";
import { hasNix } from "@nixfleet/testkit";
import { addHosts, dashboardEnv, untilHealthy } from "./fleet/dashboard.ts";
import { demoHosts, type HostMachine, installMachine, prepareMachine } from "./fleet/hosts.ts";
import { type Memory, openMemory } from "./fleet/memory.ts";
import { createPlaces, type Places } from "./fleet/places.ts";
import { endLeftovers, programArgv, runProgram } from "./fleet/programs.ts";
import { openRepositories, type Repositories } from "./fleet/repositories.ts";
import { installStandIn } from "./stand-in/install.ts";

const help = `Usage: node demo/start.ts [--port N] [--root DIR] [--source] [--stand-in]

Starts a dashboard and three hosts on this machine. Ctrl-C stops them, the next start continues where this one stopped.

  --port N     port of the dashboard; 8000, or a free one if that is taken
  --root DIR   where everything is kept; .demo in the checkout
  --source     run the programs from source, also where they are built
  --stand-in   pretend to build, also where Nix is installed`;

const notice =
  "Nix is not used in this demo: a stand-in pretends to build. Install Nix and run make clean demo to see hosts build for real.";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    root: { type: "string" },
    source: { type: "boolean", default: false },
    "stand-in": { type: "boolean", default: false },
    help: { type: "boolean", short: "h" },
  },
});

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

if (values.help) {
  console.log(help);
} else {
  try {
    await start(createPlaces(values.root));
  } catch (error) {
    if (!stop.signal.aborted) {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}

async function start(places: Places): Promise<void> {
  await mkdir(places.root, { recursive: true });
  const locked = await takeLock(places.lock);
  if (!locked.ok) throw new Error(`The demo runs already, as process ${locked.owner.pid}.`);
  await using _lock = locked.lock;
  await endLeftovers(places);

  const builder = values["stand-in"] || !hasNix ? "stand-in" : "nix";
  const memory = await openMemory(places, values.port === undefined ? undefined : Number(values.port), builder);
  const pretend = memory.builder === "stand-in";
  if (!pretend && !hasNix)
    throw new Error(`This demo was started with Nix, which is gone. To start over, remove ${places.root} (make clean).`);
  const path = pretend ? `${await installStandIn(places)}:${process.env.PATH}` : (process.env.PATH ?? "");
  const repositories = await openRepositories(places, Math.floor(Date.now() / 1000));
  const machines = await Promise.all(demoHosts.map((host) => prepareMachine(host, places, path)));
  await installAll(machines, repositories, places);

  const url = `http://localhost:${memory.port}`;
  const programs = new AbortController();
  const { signal } = programs;
  stop.signal.addEventListener("abort", () => programs.abort(), { once: true });
  const env = dashboardEnv({ memory, places, config: repositories.config, origin: url, notice: pretend ? notice : undefined });
  const argv = programArgv("dashboard", values.source);
  const running = [runProgram({ name: "dashboard", argv, env, restart: "never", graceMs: 12_000 }, places, signal)];
  const added = untilHealthy(url, signal).then(() =>
    addHosts(
      url,
      memory,
      machines.map(({ host, tokenFile }) => ({ ...host, tokenFile })),
    ),
  );
  try {
    // A dashboard that ends, ends this: then the hosts need not be added any more.
    await Promise.race([...running, added]);
    if (stop.signal.aborted) return;
    running.push(...machines.map((machine) => runAgent(machine, url, repositories, places, signal)));
    console.log(welcome(url, memory, places, pretend));
    await Promise.all(running);
  } finally {
    if (stop.signal.aborted) console.log("\nStopping.");
    programs.abort();
    await Promise.allSettled(running);
  }
}

async function installAll(machines: readonly HostMachine[], { config }: Repositories, places: Places): Promise<void> {
  console.log("Preparing three hosts.");
  writeFileSync(places.quickly, "");
  try {
    await Promise.all(machines.map((machine) => installMachine(machine, config)));
  } finally {
    rmSync(places.quickly, { force: true });
  }
}

function runAgent(
  { host, env, tokenFile }: HostMachine,
  url: string,
  { config }: Repositories,
  places: Places,
  signal: AbortSignal,
) {
  const root = places.host(host.name);
  return runProgram(
    {
      name: host.name,
      argv: [...programArgv("agent", values.source), "run", "--runner=spawn"],
      env: {
        ...env,
        ...host.settings,
        NIXFLEET_URL: url,
        NIXFLEET_TOKEN_FILE: tokenFile,
        NIXFLEET_REPO_URL: config.url,
        NIXFLEET_BRANCH: "main",
        NIXFLEET_HOSTNAME: host.name,
        NIXFLEET_PLATFORM: host.platform,
        NIXFLEET_STATE_DIR: join(root, "daemon"),
        NIXFLEET_RUNNER_DIR: join(root, "runner"),
        NIXFLEET_INTERVAL: "5",
      },
      restart: "always",
      graceMs: 5000,
    },
    places,
    signal,
  );
}

function welcome(url: string, { administrator }: Memory, places: Places, pretend: boolean): string {
  return `
  NixFleet demo

    Open      ${url}
    Sign in   ${administrator.name}   ${administrator.password}

    Hosts     web1 and db1 (NixOS; db1 was booted into its specialisation maintenance), laptop (the home of ada)
    Builds    ${pretend ? "a stand-in pretends: Nix is not used" : "real, by Nix, in stores of their own"}
    Change    tools/node/run node demo/commit.ts    (--break, --fail-activation, --lock-out)
    Logs      ${join(places.root, "logs")}
    Stop      Ctrl-C; the next start continues from here
`;
}
