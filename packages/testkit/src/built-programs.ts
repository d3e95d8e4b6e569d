import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { lockOwner } from "@nixfleet/runtime";
import type { NixEnv } from "./nix-env.ts";
import { endWithThisProcess } from "./process-guard.ts";
import { createTempDir, type TempDir } from "./temp-dir.ts";

/** The one file of a program, as `make build` makes it. */
export const builtProgram = (program: "agent" | "dashboard"): string =>
  new URL(`../../${program}/dist/nixfleet-${program}.js`, import.meta.url).pathname;
const page = new URL("../../web/dist", import.meta.url).pathname;

/** A program as its user starts it: the built file, with nothing but its settings. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** All that it wrote so far, both streams. */
  output(): string;
  /** Resolves with the first match in its output, also in what it wrote before; rejects when it ends without one. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it with a signal and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts a program; its output also goes to `logFile`, for whoever looks into a failed test. */
export function startProgram(argv: readonly string[], env: Record<string, string>, logFile: string): Program {
  const [file = "", ...args] = argv;
  const child: ChildProcess = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  if (child.pid !== undefined) child.once("exit", endWithThisProcess(child.pid));
  const log = createWriteStream(logFile, { flags: "a" });
  let text = "";
  const watchers = new Set<() => void>();
  const hear = (chunk: Buffer) => {
    text += chunk.toString();
    log.write(chunk);
    for (const watcher of watchers) watcher();
  };
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      log.end();
      resolve({ code, signal });
    });
  });
  const end: Program["end"] = async (signal = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return {
    pid: child.pid ?? 0,
    output: () => text,
    ended,
    end,
    says(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match === null) return;
          watchers.delete(look);
          resolve(match);
        };
        watchers.add(look);
        look();
        ended.then(
          ({ code, signal }) =>
            reject(new Error(`It ended (${code ?? signal}) without saying ${pattern}:\n${text.slice(-2000)}`)),
          reject,
        );
      });
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
}

/** A port that is free now, of loopback or of another address of this machine. */
export async function freePort(at = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, at, resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error(`${at} gave no port.`);
  return address.port;
}

export interface Dashboard extends AsyncDisposable {
  readonly origin: string;
  readonly directory: string;
  readonly program: Program;
  /** The one-time link that it printed. */
  setupLink(): Promise<string>;
  /** Ends it, does what is to be done while it is away, and restarts it on the same data and port. */
  restart(signal?: NodeJS.Signals, whileAway?: () => Promise<void>): Promise<void>;
}

/** Where a dashboard is. By default on loopback, with its data in a directory that goes with it. */
export interface DashboardPlace {
  address?: string;
  /** Kept when the dashboard ends. */
  directory?: string;
  /** Called with each process of it that was started. */
  onStart?: (pid: number) => Promise<void>;
}

/** A dashboard with data of its own, ready to answer. */
export async function startDashboard(settings: Record<string, string> = {}, place: DashboardPlace = {}): Promise<Dashboard> {
  const { address = "127.0.0.1", directory, onStart } = place;
  const temporary = directory === undefined ? await createTempDir("nixfleet-e2e-dashboard-") : undefined;
  const path = directory ?? temporary?.path ?? "";
  const port = await freePort(address);
  const origin = `http://${address}:${port}`;
  const start = async () => {
    const program = startProgram(
      [process.execPath, builtProgram("dashboard")],
      {
        PATH: process.env.PATH ?? "",
        HOME: path,
        NIXFLEET_LISTEN: address,
        NIXFLEET_PORT: String(port),
        NIXFLEET_ORIGIN: origin,
        NIXFLEET_DATA_DIR: join(path, "data"),
        NIXFLEET_WEB_DIR: page,
        NIXFLEET_FETCH_INTERVAL: "1",
        ...settings,
      },
      join(path, "dashboard.log"),
    );
    await onStart?.(program.pid);
    await answers(`${origin}/health`, program);
    return program;
  };
  let program = await start();
  return {
    origin,
    directory: path,
    get program() {
      return program;
    },
    setupLink: async () => (await program.says(/https?:\/\/\S+\/setup#\S+?(?=["\s]|$)/))[0],
    async restart(signal, whileAway) {
      await program.end(signal);
      await whileAway?.();
      program = await start();
    },
    async [Symbol.asyncDispose]() {
      await program.end();
      await temporary?.[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when an address answers with success; rejects when the program ends before. */
async function answers(url: string, program: Program): Promise<void> {
  let gone: unknown = null;
  void program.ended.then((how) => {
    gone = how;
  });
  for (;;) {
    const response = await fetch(url).catch((error: unknown) => {
      if (gone !== null)
        throw new Error(`The program ended before it answered:\n${program.output().slice(-2000)}`, { cause: error });
      return null; // It does not listen yet.
    });
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export interface Agent extends AsyncDisposable {
  readonly program: Program;
  readonly stateDir: string;
  readonly runnerDir: string;
  /** Where its host's /run/current-system and profiles are. */
  readonly systemRoot: string;
  /** Kills daemon and runner at once, as a machine that goes down does. */
  kill(): Promise<void>;
}

/** A real agent on loopback, with directories, a system root and a Nix store of its own. Restarts itself as a service manager would. */
export async function startAgent(
  dir: TempDir,
  nix: NixEnv,
  settings: { url: string; token: string; hostname: string; repoUrl: string } & Record<string, string>,
): Promise<Agent> {
  const { url, token, hostname, repoUrl, ...more } = settings;
  const base = join(dir.path, hostname);
  const systemRoot = join(base, "root");
  const tokenFile = join(base, "token");
  await mkdir(systemRoot, { recursive: true });
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  const env = {
    ...nix.env,
    NIXFLEET_URL: url,
    NIXFLEET_TOKEN_FILE: tokenFile,
    NIXFLEET_REPO_URL: repoUrl,
    NIXFLEET_HOSTNAME: hostname,
    NIXFLEET_PLATFORM: "nixos",
    NIXFLEET_STATE_DIR: join(base, "agent"),
    NIXFLEET_RUNNER_DIR: join(base, "runner"),
    NIXFLEET_SYSTEM_ROOT: systemRoot,
    ...more,
  };
  const start = () =>
    startProgram([process.execPath, builtProgram("agent"), "run", "--runner=spawn"], env, join(base, "agent.log"));
  let program = start();
  let over = false;
  const keep = (current: Program) => {
    void current.ended.then(({ code }) => {
      // 101 asks for a new process; everything else ends here and is seen in the test.
      if (over || code !== 101) return;
      program = start();
      keep(program);
    });
  };
  keep(program);
  return {
    get program() {
      return program;
    },
    stateDir: env.NIXFLEET_STATE_DIR,
    runnerDir: env.NIXFLEET_RUNNER_DIR,
    systemRoot,
    async kill() {
      over = true;
      await program.end("SIGKILL");
      await endRunner(env.NIXFLEET_RUNNER_DIR, "SIGKILL");
    },
    async [Symbol.asyncDispose]() {
      over = true;
      await program.end();
      await endRunner(env.NIXFLEET_RUNNER_DIR, "SIGTERM");
    },
  };
}

/** A runner outlives its daemon by design: what a test started, it ends, by the owner of the runner's own lock. */
async function endRunner(runnerDir: string, signal: NodeJS.Signals): Promise<void> {
  const owner = await lockOwner(join(runnerDir, "runner.lock"));
  if (owner === undefined) return;
  try {
    process.kill(owner.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
