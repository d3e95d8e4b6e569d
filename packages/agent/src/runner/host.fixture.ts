import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OpName, type Outcome, type Platform, type RunEvent, type RunEventOf, type RunId } from "@nixfleet/protocol";
import { type Exec, exec, identifyProcess, isAlive, type ProcessIdentity, systemClock } from "@nixfleet/runtime";
import {
  createFlakeFixture,
  createNixEnv,
  createTempDir,
  type FixtureHost,
  type FlakeFixture,
  killAll,
  livingTree,
  type NixEnv,
} from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { onTestFinished } from "vitest";
import { createPlatform } from "../platforms/choose.ts";
import { createDaemonFiles, type DaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { RunProcess, type RunRequest } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import type { RunnerConfig, RunnerDeps } from "./deps.ts";
import { type RunnerResult, runRunner } from "./runner.ts";

/** A host of a test: real directories, real git, real Nix in a store of its own, and no daemon. */
export interface TestHost extends AsyncDisposable {
  readonly root: string;
  readonly config: RunnerConfig;
  readonly deps: RunnerDeps;
  readonly flake: FlakeFixture;
  readonly files: DaemonFiles;
  readonly env: Record<string, string>;
  /** Puts a request into the queue, as the daemon does. */
  ask(op: string, args?: Record<string, unknown>, more?: Partial<RunRequest>): Promise<RunId>;
  run(deps?: Partial<RunnerDeps>): Promise<RunnerResult>;
  /** Asks, runs, and gives the outcome. */
  doRun(op: string, args?: Record<string, unknown>, more?: Partial<RunRequest>): Promise<{ runId: RunId; outcome: Outcome }>;
  events(runId: RunId): Promise<RunEvent[]>;
  outcome(runId: RunId): Promise<Outcome>;
  /** Waits for an event that fits. */
  seen(runId: RunId, fits: (event: RunEvent) => boolean): Promise<RunEvent>;
  /** All living processes that the run's program has started, builders in sessions of their own included. */
  processesOf(runId: RunId): Promise<ProcessIdentity[]>;
  /** Activations that really happened: the activator's word and the closure of each. */
  activations(): Promise<string[]>;
  /** Closures whose boot entry was installed. */
  bootEntries(): Promise<string[]>;
}

/** What an installation of systemd-boot's entries that was cut off leaves, and what makes each later one fail. Returns its path. */
export async function leaveHalfLoaderConf({ config }: Pick<TestHost, "config">): Promise<string> {
  const path = join(config.systemRoot, "boot/loader/loader.tmp");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "timeout 5\n");
  return path;
}

let made = 0;
export function makeRunId(): RunId {
  made++;
  return `01jd${made.toString(10).padStart(22, "0")}` as RunId;
}

export interface TestHostOptions {
  name?: string;
  platform?: Platform;
  host?: FixtureHost;
  config?: Partial<RunnerConfig>;
  /** Given: the flake and its commits are the test's own business. */
  flake?: FlakeFixture;
  /** Given: the host is what an earlier test has left there, and is left there in its turn. */
  place?: HostPlace;
}

/** Where a host is: its directories, its config repository, and its Nix store. */
export interface HostPlace extends AsyncDisposable {
  readonly root: string;
  readonly flake: FlakeFixture;
  readonly nix: NixEnv;
}

export async function createHostPlace(given?: FlakeFixture): Promise<HostPlace> {
  const directory = await createTempDir("nixfleet-runner-");
  const root = directory.path;
  const flake = given ?? (await createFlakeFixture());
  return {
    root,
    flake,
    nix: await createNixEnv(join(root, "nix")),
    async [Symbol.asyncDispose]() {
      if (given === undefined) await flake[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** A host for the test that runs: when that ends, however it ends, so do all processes that its runs have started. */
export async function createTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const { name = "gate", platform = "nixos" } = options;
  const place = options.place ?? (await createHostPlace(options.flake));
  const { root, flake, nix } = place;
  const systemRoot = join(root, "system");
  await mkdir(systemRoot, { recursive: true });
  const env: Record<string, string> = { ...nix.env, USER: "ada", NIXFLEET_TOKEN: "nf_gate_never-to-be-seen" };
  const config: RunnerConfig = {
    hostname: name,
    repoUrl: flake.url,
    branch: "main",
    flakeDir: "",
    credentials: {},
    submodules: false,
    url: "http://127.0.0.1:9",
    allowedOps: OpName.options,
    allowRewind: false,
    signing: { required: false, allowedSignersFile: undefined, openpgpKeysFile: undefined },
    confirmTimeout: 0,
    healthChecks: [],
    ignoreFailedUnits: [],
    stateDir: join(root, "daemon"),
    runnerDir: join(root, "runner"),
    systemRoot,
    agentVersion: "0.1.0",
    ...options.config,
  };
  const begun: ProcessIdentity[] = [];
  const followed: Exec = (request) => {
    const running = exec(request);
    const identity = running.pid === undefined ? undefined : identifyProcess(running.pid);
    if (identity !== undefined) begun.push(identity);
    return running;
  };
  const deps: RunnerDeps = {
    config,
    platform: createPlatform({ platform, hostname: name, flakeAttr: undefined, systemRoot, env, exec: followed }),
    program: [process.execPath, builtProgram("agent")],
    exec: followed,
    clock: systemClock,
    env,
    readMachineFacts: async () => ({ kernel: "6.12.40" }),
    log: () => {},
  };
  const files = createDaemonFiles(config.stateDir);
  await files.prepare();
  const layout = runnerLayout(config.runnerDir);
  const reader = createSpoolReader(config.runnerDir);
  if (options.host !== undefined) await flake.commitFlake("begin", { hosts: { [name]: { platform, ...options.host } } });

  const activatorCalls = async () => {
    const text = await readFile(join(systemRoot, "activations"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  };
  let disposed = false;
  const host: TestHost = {
    root,
    config,
    deps,
    flake,
    files,
    env,
    async ask(op, args = {}, more = {}) {
      const runId = more.runId ?? makeRunId();
      await files.putRequest({
        op,
        args,
        commit: null,
        deadline: 60_000,
        askedBy: "ada",
        force: false,
        receivedAt: Date.now(),
        ...more,
        runId,
      });
      return runId;
    },
    run: (more = {}) => runRunner({ ...deps, ...more }),
    async doRun(op, args, more) {
      const runId = await host.ask(op, args, more);
      await host.run();
      return { runId, outcome: await host.outcome(runId) };
    },
    async events(runId) {
      await using cursor = reader.openEvents(runId, 0);
      const events: RunEvent[] = [];
      for (;;) {
        const read = await cursor.read(1024 * 1024);
        if (read.kind === "fault") throw new Error(read.reason);
        if (read.events.length === 0) return events;
        events.push(...read.events);
      }
    },
    async outcome(runId) {
      const read = await reader.outcome(runId);
      if (read.kind !== "ok") throw new Error(`${runId} has no outcome: ${read.kind}`);
      return read.value.outcome;
    },
    async seen(runId, fits) {
      await using cursor = reader.openEvents(runId, 0);
      for (;;) {
        // The outcome is written last: what was not told when it was there never will be.
        const isOver = await exists(layout.run(runId).outcome);
        for (;;) {
          const read = await cursor.read(1024 * 1024);
          if (read.kind === "fault") throw new Error(read.reason);
          const event = read.events.find(fits);
          if (event !== undefined) return event;
          if (read.events.length === 0) break;
        }
        if (isOver) throw new Error("the run ended before that");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async processesOf(runId) {
      const read = await readUntrustedJson(layout.run(runId).process, RunProcess);
      return read.kind === "ok" && read.value.child !== null ? livingTree(read.value.child.pid) : [];
    },
    activations: async () => (await activatorCalls()).filter((line) => !line.startsWith("boot ")),
    bootEntries: async () => (await activatorCalls()).flatMap((line) => /^boot (.*)$/.exec(line)?.[1] ?? []),
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      // A leader may have ended and left others in its session; a pid that is used again is no leader of ours.
      const leaders = begun.filter((leader) => isAlive(leader) || identifyProcess(leader.pid) === undefined);
      killAll(livingTree(...leaders.map(({ pid }) => pid)));
      // What a runner of another process has started is known by its files alone.
      for (const runId of await readdir(layout.runs)) killAll(await host.processesOf(runId as RunId));
      if (options.place === undefined) await place[Symbol.asyncDispose]();
    },
  };
  await mkdir(layout.runs, { recursive: true });
  // A test that runs out of time never comes to the end of its scope.
  onTestFinished(() => host[Symbol.asyncDispose]());
  return host;
}

/** All lines of a run's log, pieces joined. */
export function logText(events: readonly RunEvent[]): string[] {
  const lines: string[] = [];
  let open = "";
  for (const event of events) {
    if (event.kind !== "log") continue;
    for (const line of event.lines) {
      open += line.text;
      if (line.continues) continue;
      lines.push(open);
      open = "";
    }
  }
  return open === "" ? lines : [...lines, open];
}

export function eventsOf<K extends RunEvent["kind"]>(events: readonly RunEvent[], kind: K): RunEventOf<K>[] {
  return events.filter((event) => event.kind === kind) as unknown as RunEventOf<K>[];
}
