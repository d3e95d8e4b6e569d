import { spawn } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Derivation, StandInStore } from "./store.ts";

export interface RealiseOptions {
  store: StandInStore;
  /** A link that keeps the result, and is printed instead of it. */
  root: string | undefined;
  internalJson: boolean;
}

const mostJobs = 4;

/** `nix-store --realise`: builds what is not there yet, in order of need, some at once. Returns the exit code. */
export async function realise(path: string, { store, root, internalJson }: RealiseOptions): Promise<number> {
  const say = internalJson ? jsonReporter() : textReporter();
  const plan = missing(path, store);
  const failed = await buildAll(plan, store, say);
  if (failed !== undefined) {
    say.failed(failed.derivation, failed.exitCode, failed.tail);
    return 100;
  }
  const { out } = store.read(path);
  if (root !== undefined) {
    mkdirSync(dirname(root), { recursive: true });
    const temporary = `${root}.${process.pid}`;
    symlinkSync(out, temporary);
    renameSync(temporary, root);
  }
  console.log(root ?? out);
  return 0;
}

/** The derivations whose outputs are not there, inputs before what needs them. */
function missing(path: string, store: StandInStore): Derivation[] {
  const plan = new Map<string, Derivation>();
  const visit = (next: string) => {
    if (plan.has(next)) return;
    const derivation = store.read(next);
    if (store.has(derivation.out)) return;
    for (const input of derivation.inputs) visit(input);
    plan.set(next, derivation);
  };
  visit(path);
  return [...plan.values()];
}

interface Failure {
  derivation: Derivation;
  exitCode: number;
  tail: string[];
}

async function buildAll(plan: readonly Derivation[], store: StandInStore, say: Reporter): Promise<Failure | undefined> {
  const waiting = [...plan];
  const running = new Map<string, Promise<void>>();
  let done = 0;
  let failure: Failure | undefined;
  const tell = () => say.progress(done, plan.length, running.size);

  while ((waiting.length > 0 && failure === undefined) || running.size > 0) {
    for (let i = 0; i < waiting.length && running.size < mostJobs && failure === undefined; ) {
      const derivation = waiting[i] as Derivation;
      if (!derivation.inputs.every((input) => store.has(store.read(input).out))) {
        i++;
        continue;
      }
      waiting.splice(i, 1);
      running.set(
        derivation.path,
        buildOne(derivation, store, say).then((result) => {
          running.delete(derivation.path);
          if (result === undefined) done++;
          else failure ??= result;
          tell();
        }),
      );
    }
    tell();
    await Promise.race(running.values());
  }
  return failure;
}

async function buildOne(derivation: Derivation, store: StandInStore, say: Reporter): Promise<Failure | undefined> {
  const { out, env, script, inputs, name } = derivation;
  const build = say.started(derivation);
  rmSync(out, { recursive: true, force: true });
  const tail: string[] = [];
  const read = (text: string) => {
    const phase = /^@nix .*"setPhase".*"phase": *"(\w+)"/.exec(text)?.[1];
    if (phase !== undefined) return build.phase(phase);
    build.line(text);
    tail.push(text);
    if (tail.length > 10) tail.shift();
  };
  const child = spawn("/bin/sh", ["-e", "-c", script], {
    env: { ...env, out, name, NIX_LOG_FD: "2" },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on("line", read);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (exitCode === 0) {
    const outputs = inputs.flatMap((input) => store.closure(store.read(input).out));
    store.register(out, [...new Set(outputs)]);
  }
  build.stopped();
  return exitCode === 0 ? undefined : { derivation, exitCode, tail };
}

/** What Nix tells while it builds, in one of its two forms. */
interface Reporter {
  started(derivation: Derivation): { phase(name: string): void; line(text: string): void; stopped(): void };
  progress(done: number, expected: number, running: number): void;
  failed(derivation: Derivation, exitCode: number, tail: readonly string[]): void;
}

function failureText({ path }: Derivation, exitCode: number, tail: readonly string[]): string {
  const lines = tail.map((line) => `       > ${line}`).join("\n");
  return `error: builder for '${path}' failed with exit code ${exitCode};\n       last ${tail.length} log lines:\n${lines}`;
}

function textReporter(): Reporter {
  return {
    started({ path }) {
      console.error(`building '${path}'...`);
      return { phase: () => {}, line: (text) => console.error(text), stopped: () => {} };
    },
    progress: () => {},
    failed: (derivation, exitCode, tail) => console.error(failureText(derivation, exitCode, tail)),
  };
}

/** Nix's internal-json: activity types 104 builds and 105 build; result types 101 log line, 104 phase, 105 progress. */
function jsonReporter(): Reporter {
  const say = (message: object) => console.error(`@nix ${JSON.stringify(message)}`);
  let ids = 1;
  say({ action: "start", fields: [], id: 1, level: 5, parent: 0, text: "", type: 104 });
  return {
    started({ path }) {
      ids += 1;
      const id = ids;
      const text = `building '${path}'`;
      say({ action: "start", fields: [path, "", 1, 1], id, level: 3, parent: 0, text, type: 105 });
      return {
        phase: (name) => say({ action: "result", fields: [name], id, type: 104 }),
        line: (line) => say({ action: "result", fields: [line], id, type: 101 }),
        stopped: () => say({ action: "stop", id }),
      };
    },
    progress: (done, expected, running) => say({ action: "result", fields: [done, expected, running, 0], id: 1, type: 105 }),
    failed: (derivation, exitCode, tail) => say({ action: "msg", level: 0, msg: failureText(derivation, exitCode, tail) }),
  };
}
