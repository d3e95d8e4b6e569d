/** `make dev`: dashboard and page with reload on every change, and a simulated fleet that does what it is told. */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AGENT_LINK_PATH } from "@nixfleet/protocol";
import { takeLock } from "@nixfleet/runtime";
import { createFleetSimulator, createHealthyHost, type LockOut, sampleFacts, simulatedClosure } from "@nixfleet/testkit";
import { addHosts, dashboardEnv, type NewHost, untilHealthy } from "./fleet/dashboard.ts";
import { findPort, openMemory } from "./fleet/memory.ts";
import { checkout, createPlaces, type Places } from "./fleet/places.ts";
import { endLeftovers, runProgram } from "./fleet/programs.ts";
import { openRepositories } from "./fleet/repositories.ts";

const help = `Usage: node demo/dev.ts [--hosts N] [--root DIR]

  --hosts N    how many hosts are simulated; 24
  --root DIR   where everything is kept; .demo/dev in the checkout`;

const { values } = parseArgs({
  options: { hosts: { type: "string", default: "24" }, root: { type: "string" }, help: { type: "boolean", short: "h" } },
});

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

if (values.help) {
  console.log(help);
} else {
  try {
    await start(createPlaces(values.root ?? join(createPlaces().root, "dev")), Number(values.hosts));
  } catch (error) {
    if (!stop.signal.aborted) {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}

async function start(places: Places, count: number): Promise<void> {
  await mkdir(places.root, { recursive: true });
  const locked = await takeLock(places.lock);
  if (!locked.ok) throw new Error(`It runs already, as process ${locked.owner.pid}.`);
  await using _lock = locked.lock;
  await endLeftovers(places);

  const memory = await openMemory(places, 8420, "stand-in");
  const pagePort = await findPort(5173);
  const origin = `http://localhost:${pagePort}`;
  const dashboard = `http://127.0.0.1:${memory.port}`;
  const { config } = await openRepositories(places, Math.floor(Date.now() / 1000));
  const { signal } = stop;
  const common = { restart: "never", graceMs: 12_000 } as const;
  const running = [
    runProgram(
      {
        ...common,
        name: "dashboard",
        argv: [process.execPath, "--watch", "--watch-preserve-output", join(checkout, "packages/dashboard/src/main.ts")],
        env: dashboardEnv({ memory, places, config, origin }),
      },
      places,
      signal,
    ),
    runProgram(
      {
        ...common,
        name: "page",
        argv: [process.execPath, join(checkout, "node_modules/vite/bin/vite.js"), "--port", String(pagePort), "--strictPort"],
        cwd: join(checkout, "packages/web"),
        env: { PATH: process.env.PATH ?? "", NIXFLEET_DEV_DASHBOARD: dashboard },
      },
      places,
      signal,
    ),
  ];
  try {
    const hosts = await Promise.race([
      ...running,
      simulatedHosts(places, count).then(async (made) => {
        await untilHealthy(dashboard, signal);
        await addHosts(dashboard, memory, made);
        return made;
      }),
    ]);
    if (signal.aborted || hosts === undefined) return;
    const commits = (await config.git("rev-list", "HEAD")).split("\n");
    await using fleet = createFleetSimulator({
      url: `${dashboard.replace("http:", "ws:")}${AGENT_LINK_PATH}`,
      hosts: hosts.map(({ name, tokenFile }, number) => ({
        name,
        token: readFileSync(tokenFile, "utf8").trim(),
        facts: factsOf(name, commits[number % commits.length] ?? ""),
        settings: { repoUrl: config.url },
      })),
      behaviour: createHealthyHost({ lockOut: (host) => LOCK_OUTS[host] }),
    });
    fleet.start();
    console.log(`
  Page        ${origin}
  Sign in     ${memory.administrator.name}   ${memory.administrator.password}
  Dashboard   ${dashboard}, restarted on every change
  Hosts       ${count}, simulated
  Logs        ${join(places.root, "logs")}
  Stop        Ctrl-C
`);
    await Promise.race(running);
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

/** What the next switch of a host takes away, and what cannot be told. */
const LOCK_OUTS: Readonly<Record<string, LockOut>> = {
  sim003: {
    risks: ["The key ada@laptop of root is removed.", "The firewall opens port 22 of sshd on wg0 only."],
    unclear: ["sshd has another AllowGroups: ssh-users. Whom that keeps out cannot be told."],
  },
  sim004: { risks: [], unclear: ["sshd has other rules in Match or Include: whom they keep out cannot be told."] },
};

/** Every fifth host has specialisations, every tenth runs one. */
function factsOf(name: string, commit: string): ReturnType<typeof sampleFacts> {
  const facts = sampleFacts(name, { commit, now: Date.now() });
  const number = Number(name.slice("sim".length));
  if (number % 5 !== 0) return facts;
  const of = simulatedClosure(commit, name);
  const known = { since: Date.now(), revision: commit, specialisations: ["maintenance", "quiet"] };
  const running =
    number % 10 === 0 ? { ...known, closure: `${of}-quiet`, specialisation: { name: "quiet", of } } : { ...known, closure: of };
  return { ...facts, running };
}

async function simulatedHosts(places: Places, count: number): Promise<NewHost[]> {
  const names = Array.from({ length: count }, (_, number) => `sim${String(number + 1).padStart(3, "0")}`);
  return Promise.all(
    names.map(async (name) => {
      await mkdir(places.host(name), { recursive: true });
      return { name, platform: "nixos", tokenFile: join(places.host(name), "token") } as const;
    }),
  );
}
