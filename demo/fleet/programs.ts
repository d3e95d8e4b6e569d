import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createProcessTree, describeEnd, exec, identifyProcess, isAlive, processIdentitySchema } from "@nixfleet/runtime";
import { checkout, type Places } from "./places.ts";

export interface ProgramSpec {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** As a service manager would: `always` after any end, `never` makes an end the end of the demo. */
  readonly restart: "always" | "never";
  /** How long it may take to stop, in milliseconds. */
  readonly graceMs: number;
}

/**
 * Runs a program until the signal ends it, its output appended to its log: by the program itself, not through a pipe, which
 * would end it at its next line once the demo is killed. Its process is recorded, so that a later start can end it then. Rejects when a program that is not to be restarted ends by itself.
 */
export async function runProgram(spec: ProgramSpec, places: Places, signal: AbortSignal): Promise<void> {
  const logPath = places.log(spec.name);
  mkdirSync(dirname(logPath), { recursive: true });
  try {
    while (!signal.aborted) {
      const { argv, env, cwd = checkout, graceMs } = spec;
      const running = exec({ argv: ["/bin/sh", "-c", 'exec >> "$0" 2>&1 "$@"', logPath, ...argv], env, cwd, signal, graceMs });
      writeDown(places, spec.name, running.pid);
      const { end, aborted } = await running.result;
      if (aborted) return;
      appendFileSync(logPath, `-- ${spec.name} ended: ${describeEnd(end)}\n`);
      if (spec.restart === "never") throw new Error(`${spec.name} ended: ${describeEnd(end)}\n${tail(logPath)}`);
      // An agent that asks for a restart (101) gets it at once, one that fell over after a breath.
      if (end.kind !== "exited" || end.exitCode !== 101) await pause(1000, signal);
    }
  } finally {
    rmSync(pidFile(places, spec.name), { force: true });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error; // Aborted: the caller looks at the signal itself.
  }
}

function pidFile(places: Places, name: string): string {
  return join(places.root, "pids", `${name}.json`);
}

function writeDown(places: Places, name: string, pid: number | undefined): void {
  const identity = pid === undefined ? undefined : identifyProcess(pid);
  if (identity === undefined) return;
  mkdirSync(join(places.root, "pids"), { recursive: true });
  writeFileSync(pidFile(places, name), JSON.stringify(identity));
}

/** Ends what an earlier start left running because it was killed: only processes that it wrote down, told by their identity. */
export async function endLeftovers(places: Places): Promise<void> {
  const folder = join(places.root, "pids");
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const identity = processIdentitySchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    if (identity.success && isAlive(identity.data)) await createProcessTree(identity.data.pid).end(10_000);
    rmSync(path, { force: true });
  }
}

function tail(path: string): string {
  return readFileSync(path, "utf8").split("\n").slice(-20).join("\n");
}

/** How a program of this project is started: its bundle where `make build` made one, its source otherwise. */
export function programArgv(name: "agent" | "dashboard", fromSource: boolean): readonly [string, string] {
  const bundle = join(checkout, `packages/${name}/dist/nixfleet-${name}.js`);
  const source = join(checkout, `packages/${name}/src/main.ts`);
  return [process.execPath, !fromSource && existsSync(bundle) ? bundle : source];
}
