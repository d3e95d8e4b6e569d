import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { lockOwner, messageOf, systemClock, takeLockOnFullDisk } from "@nixfleet/runtime";
import { createDaemon, type DaemonEnd } from "../daemon/daemon.ts";
import { fingerprint, watchedPaths } from "../daemon/fingerprint.ts";
import { createInstance } from "../daemon/instance.ts";
import { launchRunner } from "../daemon/launch-runner.ts";
import { readDeadmanFact } from "../deadman/record.ts";
import { isInMemory, readDisks } from "../disks.ts";
import { createFactKeeper, type FactReader } from "../facts/fact-keeper.ts";
import { readAgentFacts } from "../facts/machine-facts.ts";
import { createMetricsReader } from "../facts/metrics.ts";
import { createProblems, type Problems } from "../facts/problems.ts";
import { readCloneFacts } from "../git/clone-facts.ts";
import { linkUrl } from "../link/link-url.ts";
import { proxySecrets, routeTo } from "../link/proxy.ts";
import { createWsDial } from "../link/ws-dial.ts";
import { createLog } from "../log.ts";
import { readSystemFacts } from "../runner/facts.ts";
import { type DaemonSettings, daemonSettings } from "../settings.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { runnerLayout } from "../spool/layout.ts";
import { AGENT_VERSION } from "../version.ts";
import { createHostReaders, type HostReaders } from "./host-readers.ts";
import { ownProgram } from "./own-program.ts";
import { type Environment, settingsOrFaults } from "./read-settings.ts";

const exitCodes = { stopped: 0, restart: 101 } as const satisfies Record<DaemonEnd, number>;

/** `nixfleet-agent run`: the daemon, until it is told to end. Returns the exit code. */
export async function run({ mode, env }: { mode: "spawn" | "service"; env: Environment }): Promise<number> {
  const settings = settingsOrFaults(daemonSettings, env);
  if (settings === undefined) return 2;
  const host = createHostReaders(settings, env);
  const clock = systemClock;
  const log = createLog({
    level: settings.logLevel,
    clock,
    write: (line) => process.stderr.write(line),
    secrets: [settings.token, ...proxySecrets(env)],
  });

  await mkdir(host.stateDir, { recursive: true, mode: 0o750 });
  const taken = await takeLockOnFullDisk(join(host.stateDir, "daemon.lock"), ({ message }) =>
    log.error("lock-not-written", { message }),
  );
  if (!taken.ok) {
    log.error("already-running", {
      pid: taken.owner.pid,
      message: `Another nixfleet-agent, process ${taken.owner.pid}, acts for this host with ${host.stateDir}. Stop that one first.`,
    });
    return 1;
  }
  await using _lock = taken.lock;
  // What nobody foresaw: one line without secrets, and the service manager restarts the agent.
  process.on("uncaughtException", (error) => {
    log.error("broken", { message: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
    process.exit(1);
  });

  const url = linkUrl(settings.url);
  if (!url.ok) throw new Error(`the settings are valid, but: ${url.fault}`);
  if (!url.encrypted && !url.loopback) {
    log.warn("link-not-encrypted", { message: "The token can be read on the way to the dashboard. Use https://." });
  }
  const route = routeTo(url.url, env);
  if (route.kind === "direct" && route.fault !== undefined) log.warn("proxy-not-used", { message: route.fault });

  const instance = createInstance(createDaemonFiles(host.stateDir), clock, log);
  const problems = createProblems(clock);
  const paths = watchedPaths({ systemRoot: settings.systemRoot, runnerDir: host.runnerDir }, env);
  const lock = runnerLayout(host.runnerDir).lock;
  await using daemon = createDaemon({
    config: {
      hostname: host.hostname,
      stateDir: host.stateDir,
      runnerDir: host.runnerDir,
      interval: settings.interval * 1000,
      policy: {
        allowedOps: settings.allowedOps,
        allowRewind: settings.allowRewind,
        signed: settings.signingRequired,
        confirmTimeout: settings.confirmTimeout,
      },
      settings: shownSettings(settings),
    },
    instance,
    dial: createWsDial({ url: url.url, token: settings.token, userAgent: `nixfleet-agent/${AGENT_VERSION}`, route }),
    clock,
    random: Math.random,
    log,
    facts: createFactKeeper({ readers: factReaders(settings, host, problems, instance.startedAt), clock, log }),
    problems,
    metrics: createMetricsReader({ source: host.source, disks: () => readDisks(), clock }),
    fingerprint: () => fingerprint(paths),
    platform: host.platform,
    isRunnerAlive: async () => (await lockOwner(lock)) !== undefined,
    ...(mode === "spawn" && {
      launch: () => launchRunner({ argv: [...ownProgram(), "runner"], env, stateDir: host.stateDir, runnerDir: host.runnerDir }),
    }),
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void daemon.stop());
  if (mode === "spawn") await mkdir(runnerLayout(host.runnerDir).runs, { recursive: true, mode: 0o750 });
  log.info("daemon-starts", { version: AGENT_VERSION, instance: instance.name, url: url.url, hostname: host.hostname });
  await daemon.start();
  const end = await daemon.ended;
  await taken.lock.release();
  // Not left to the empty event loop: a dashboard that does not answer the close would hold the process for half a minute.
  process.exit(exitCodes[end]);
}

function shownSettings(settings: DaemonSettings) {
  const { tags, location, deviceType, interval, repoUrl, branch, flakeDir, themeColor = null } = settings;
  return { tags: [...tags], location, deviceType, interval, repoUrl, branch, flakeDir, themeColor };
}

function factReaders(
  settings: DaemonSettings,
  host: HostReaders,
  problems: Problems,
  startedAt: number,
): Record<string, FactReader> {
  // The machine itself does not change while this process lives.
  let machine: ReturnType<FactReader> | undefined;
  const { clone, runnerDir, hostname, platform } = host;
  const { branch, flakeDir } = settings;
  return {
    async machine() {
      machine ??= host.machineFacts();
      return { ...(await machine), ...(await readAgentFacts(startedAt, platform)) };
    },
    clone: () => readCloneFacts({ clone, runnerDir, branch, flakeDir, hostname, now: systemClock.now }),
    system: () => readSystemFacts(platform, runnerDir),
    deadman: () => readDeadmanFact(runnerDir),
    undo: async () => ({ undoAtBoot: settings.systemRoot === "" && (await isInMemory(runnerDir)) ? "lost" : "ready" }),
    units: async () => {
      const failedUnits = await host.failedUnits();
      return failedUnits === undefined ? {} : { failedUnits };
    },
    // The problems come after Nix was asked, since that may be one.
    nix: async () => {
      const nix = await host.nixVersion();
      if (nix === undefined) problems.set("nix", "nix-missing", "`nix --version` cannot be run by the agent.");
      else problems.clear("nix");
      return { ...(nix !== undefined && { nix }), problems: problems.list() };
    },
  };
}
