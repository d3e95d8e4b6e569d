import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { isAlive, lockOwner, type ProcessIdentity } from "@nixfleet/runtime";
import { createGitFixture, createTempDir, type GitFixture, killAll, livingTree } from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { runnerLayout } from "../spool/layout.ts";
import { createTestDashboard, type TestDashboard } from "./dashboard.fixture.ts";

export const TOKEN = "nf_gate_0123456789-never-to-be-seen-0123456789abcdef";

export interface AgentProcess {
  readonly pid: number;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout(): string;
  stderr(): string;
  /** Keeps it from starting anything more, and gives all that it has started and that lives. */
  freeze(): ProcessIdentity[];
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
  /** SIGTERM, and its end. */
  stop(): Promise<number | null>;
}

/** A host of a test: a config repository, a dashboard, and real agent processes in directories of their own. */
export interface AgentHost extends AsyncDisposable {
  readonly root: string;
  readonly stateDir: string;
  readonly runnerDir: string;
  readonly repo: GitFixture;
  readonly dashboard: TestDashboard;
  readonly env: Record<string, string>;
  start(argv?: readonly string[], env?: Record<string, string>): AgentProcess;
  /** Starts a daemon and waits for its hello. */
  connect(): Promise<AgentProcess>;
  runnerPid(): Promise<number | undefined>;
}

let made = 0;
export function nextRunId(): RunId {
  made++;
  return `01jd${String(made).padStart(22, "0")}` as RunId;
}

export async function createAgentHost(): Promise<AgentHost> {
  const directory = await createTempDir("nixfleet-daemon-");
  const root = directory.path;
  const repo = await createGitFixture({ directory: join(root, "git") });
  const dashboard = await createTestDashboard(TOKEN);
  const stateDir = join(root, "state");
  const runnerDir = join(root, "runner");
  const agents: AgentProcess[] = [];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: root,
    NIXFLEET_URL: dashboard.url,
    NIXFLEET_TOKEN: TOKEN,
    NIXFLEET_REPO_URL: repo.url,
    NIXFLEET_HOSTNAME: "gate",
    NIXFLEET_PLATFORM: "nixos",
    NIXFLEET_SYSTEM_ROOT: join(root, "system"),
    NIXFLEET_STATE_DIR: stateDir,
    NIXFLEET_RUNNER_DIR: runnerDir,
    NIXFLEET_INTERVAL: "1",
    NIXFLEET_LOG_LEVEL: "debug",
  };

  const self: AgentHost = {
    root,
    stateDir,
    runnerDir,
    repo,
    dashboard,
    env,
    start(argv = ["run", "--runner=spawn"], more = {}) {
      const child = spawn(process.execPath, [builtProgram("agent"), ...argv], {
        env: { ...env, ...more },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const agent = follow(child);
      agents.push(agent);
      return agent;
    },
    async connect() {
      const before = dashboard.hellos.length;
      const agent = self.start();
      await dashboard.until(() => dashboard.hellos.length > before && dashboard.connected);
      return agent;
    },
    runnerPid: async () => (await lockOwner(runnerLayout(runnerDir).lock))?.pid,
    async [Symbol.asyncDispose]() {
      for (const agent of agents) {
        // A runner lives in a session of its own, and has no lock yet when it was started just now: it is the daemon's child.
        const tree = agent.freeze();
        await agent.kill();
        await killTree(tree);
      }
      // One whose daemon the test has killed is known by its lock.
      for (let pid = await self.runnerPid(); pid !== undefined; pid = await self.runnerPid()) await killTree(livingTree(pid));
      await dashboard[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
  return self;
}

function follow(child: ChildProcess): AgentProcess {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return {
    pid: child.pid ?? 0,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    freeze() {
      if (child.pid === undefined || !child.kill("SIGSTOP")) return [];
      return livingTree(child.pid);
    },
    async kill() {
      await end("SIGKILL");
    },
    stop: async () => (await end("SIGTERM")).code,
  };
}

async function killTree(tree: readonly ProcessIdentity[]): Promise<void> {
  killAll(tree);
  while (tree.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 10));
}
