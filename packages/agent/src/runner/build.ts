import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { type Commit, type FailureCode, type LogLine, type Outcome, StorePath } from "@nixfleet/protocol";
import { describeEnd, type ExecResult, inputSettings, succeeded } from "@nixfleet/runtime";
import { freeBytes } from "../disks.ts";
import { diffClosures, parsePathInfo } from "../nix/closures.ts";
import { buildCommand, closureCommand, evaluateCommand } from "../nix/commands.ts";
import { nixEnvironment } from "../nix/environment.ts";
import type { NixLog } from "../nix/log-stream.ts";
import { inputFailureCode, nixFailureCode } from "../nix/nix-failure.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createNixOutput, type OutputDeps } from "./output.ts";

export type Step<T> = { ok: true; value: T } | { ok: false; outcome: Outcome };

/** Evaluates the host's attribute of the flake at the commit. Returns the derivation's path. */
export async function evaluate(context: RunContext, commit: Commit): Promise<Step<string>> {
  const { platform } = context.deps;
  let last: Step<string> | undefined;
  for (const attribute of platform.attributes) {
    last = await evaluateAttribute(context, commit, attribute);
    if (!isAttributeMissing(last)) return last;
  }
  return last ?? { ok: false, outcome: failure("attribute-missing", "The platform names no attribute to build.") };
}

function isAttributeMissing(step: Step<unknown>): boolean {
  return !step.ok && step.outcome.state === "failed" && step.outcome.code === "attribute-missing";
}

async function evaluateAttribute(context: RunContext, commit: Commit, attribute: string): Promise<Step<string>> {
  const { submodules, flakeDir } = context.deps.config;
  const argv = evaluateCommand({ clone: context.layout.clone, flakeDir, commit, attribute, submodules });
  // That the flake has another attribute of the platform instead is no error, so it is not known yet whether these are.
  const errors: LogLine[] = [];
  const log = (line: LogLine) => void (line.level === "error" ? errors.push(line) : context.output.log(line));
  const result = await runNix(context, argv, "evaluate", `Nix could not evaluate ${attribute}`, { ...context.output, log });
  const isLast = attribute === context.deps.platform.attributes.at(-1);
  for (const { level, ...line } of errors) {
    context.output.log(isAttributeMissing(result) && !isLast ? line : { ...line, ...(level === undefined ? {} : { level }) });
  }
  if (!result.ok) return result;
  const derivation = result.value.trim();
  if (StorePath.safeParse(derivation).success && derivation.endsWith(".drv")) return { ok: true, value: derivation };
  return { ok: false, outcome: failure("evaluation-failed", `${attribute} is not a derivation.`, { firstError: derivation }) };
}

/** Builds the derivation and roots the result. Returns the closure's path. */
export async function build(context: RunContext, derivation: string): Promise<Step<string>> {
  const argv = buildCommand(derivation, context.run.result);
  const result = await runNix(context, argv, "build", `Nix could not build ${derivation}`);
  if (!result.ok) return result;
  const closure = await readlink(context.run.result);
  if (StorePath.safeParse(closure).success) return { ok: true, value: closure };
  return { ok: false, outcome: failure("build-failed", `What was built is not a store path: ${closure}`) };
}

/** Reports what changes from one closure to another. It informs only: a failure is a warning. */
export async function reportDiff(context: RunContext, closure: string, against: string | undefined): Promise<void> {
  const to = await readClosure(context, closure);
  const from = against === undefined ? undefined : await readClosure(context, against);
  if (context.signal.aborted) return;
  if (to === undefined) context.warn("The new closure could not be listed, so the changes are not known.");
  else {
    const before = against === undefined || from === undefined ? null : { path: against, members: from };
    context.events.append({ kind: "diff", diff: diffClosures(before, { path: closure, members: to }) });
  }
}

async function readClosure(context: RunContext, closure: string) {
  const result = await context.execute({
    argv: closureCommand(closure),
    env: nixEnvironment(context.deps.env),
    signal: context.signal,
    captureBytes: 64 * 1024 * 1024,
  }).result;
  return succeeded(result) ? parsePathInfo(result.stdout) : undefined;
}

async function runNix(
  context: RunContext,
  argv: [string, ...string[]],
  during: "evaluate" | "build",
  sentence: string,
  log: OutputDeps = context.output,
): Promise<Step<string>> {
  const { repoUrl, credentials } = context.deps.config;
  const output = createNixOutput(log);
  const result = await context.command({
    argv,
    env: nixEnvironment(context.deps.env, inputSettings(repoUrl, credentials)),
    cwd: context.layout.runs,
    signal: context.signal,
    onStderr: (chunk) => output.write(chunk),
  });
  output.end();
  if (succeeded(result)) return { ok: true, value: result.stdout };
  if (result.aborted) return { ok: false, outcome: STOPPED };
  return { ok: false, outcome: await nixFailure(context, result, output.nix, during, sentence) };
}

/** Less than this is free where Nix cannot even open its database, in bytes. */
const FULL = 1024 * 1024;

/** Whether the disk of the store is as full as that. */
export async function isStoreFull({ deps: { env } }: Pick<RunContext, "deps">): Promise<boolean> {
  return (await freeBytes(env["NIX_STORE_DIR"] ?? "/nix/store").catch(() => FULL)) < FULL;
}

async function nixFailure(
  context: RunContext,
  { end }: ExecResult,
  nix: NixLog,
  during: "evaluate" | "build",
  sentence: string,
): Promise<Outcome> {
  if (end.kind === "spawn-failed")
    return failure("nix-missing", `Nix cannot be run: ${end.message}.`, { firstError: end.message });
  const exitCode = end.kind === "exited" ? end.exitCode : undefined;
  const said = nix.sentence() ?? describeEnd(end);
  const firstError = nix.firstError() ?? said;
  const code =
    inputFailureCode(nix.gitFailure(), firstError) ??
    (await lockFailureCode(context, nixFailureCode(`${nix.errors()}\n${firstError}`, during, await isStoreFull(context))));
  return failure(code, context.redact(`${sentence}: ${said}`), { firstError: context.redact(firstError), exitCode });
}

/** A lock file that was never committed is another fault than one that lacks something. */
async function lockFailureCode({ clone, deps }: RunContext, code: FailureCode): Promise<FailureCode> {
  if (code !== "lock-outdated") return code;
  return (await clone.readFile(join(deps.config.flakeDir, "flake.lock"), 1)).kind === "missing" ? "lock-missing" : code;
}
