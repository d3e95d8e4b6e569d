import { rm } from "node:fs/promises";
import { deployedClosure, type Generation, type Outcome, shorten } from "@nixfleet/protocol";
import { describeEnd, type ExecResult, succeeded } from "@nixfleet/runtime";
import { nixEnvironment } from "../../nix/environment.ts";
import { listGenerations, resolveClosure } from "../../platforms/links.ts";
import { listRuns } from "../../spool/run-directories.ts";
import { RunOutcome } from "../../spool/shapes.ts";
import { readUntrustedJson } from "../../spool/untrusted-json.ts";
import { failure, type RunContext, STOPPED } from "../context.ts";
import { readSystemFacts } from "../facts.ts";
import { createErrorFinder } from "../first-error.ts";
import { createPlainOutput } from "../output.ts";
import type { OpImplementation } from "./implementation.ts";

const DAY = 86_400_000;
/** Numbers that one command gets, so that its arguments fit. */
const AT_ONCE = 200;

/** Removes old generations of this host's profile, then what nothing in the store leads to any more. */
export const collectGarbage: OpImplementation<"collect-garbage"> = async (context, { keepDays }) => {
  const { deps, signal } = context;
  context.phase("collect");
  const profile = await deps.platform.profile();
  const keep = await closuresToKeep(context);
  const before = deps.clock.now() - keepDays * DAY;
  let removed = 0;
  if (profile !== undefined) {
    const generations = await listGenerations(profile, Number.POSITIVE_INFINITY);
    const old = oldGenerations(generations, keep, before);
    for (let i = 0; i < old.length; i += AT_ONCE) {
      const numbers = old.slice(i, i + AT_ONCE).map(String);
      const failed = nixFailureOf(
        context,
        await nix(context, ["nix-env", "-p", profile, "--delete-generations", ...numbers]),
        removed,
      );
      if (failed !== undefined) return failed;
      removed += numbers.length;
    }
  }
  if (signal.aborted) return { ...STOPPED, reason: `Stopped after ${count(removed)} had been removed.` };
  await releaseResults(context, keep, before);
  const collected = await nix(context, ["nix-store", "--gc"]);
  const failed = nixFailureOf(context, collected, removed);
  if (failed !== undefined) return failed;
  // "12 store paths deleted, 3.40 MiB freed": the unit is another by Nix's version and by the amount.
  const freed = /(\b\d{1,12} store paths? deleted, -?[\d.,]{1,20} \w{1,10} freed)/.exec(
    `${collected.result.stdout}\n${collected.result.stderr}`,
  )?.[1];
  return { state: "succeeded", reason: `${count(removed)} removed, ${freed ?? "what was freed is not known"}.` };
};

/**
 * Numbers of generations that may go: older than the limit, not what the profile names, and not of a closure that is kept. A
 * generation counts from when it was made, so one that has run for a year and was made then is old; what runs is kept anyway.
 */
export function oldGenerations(
  generations: readonly Pick<Generation, "number" | "at" | "closure" | "current">[],
  keep: ReadonlySet<string>,
  before: number,
): number[] {
  return generations
    .filter(({ at, closure, current }) => at < before && !current && (closure === undefined || !keep.has(closure)))
    .map(({ number }) => number);
}

/** What runs, was booted, is booted next, and was last known to be good. */
async function closuresToKeep({ deps: { platform, config }, ledger }: RunContext): Promise<Set<string>> {
  const { running, booted, profile } = await readSystemFacts(platform, config.runnerDir);
  const good = (await ledger.read()).findLast(({ mode }) => mode !== "test");
  const of = running && { closure: deployedClosure(running) };
  return new Set([running, of, booted, profile, good].flatMap((one) => (one === undefined ? [] : [one.closure])));
}

/** What older runs have built is theirs no more: their spools root it for a day, whatever was asked for here. */
async function releaseResults({ deps, layout }: RunContext, keep: ReadonlySet<string>, before: number): Promise<void> {
  for (const runId of await listRuns(deps.config.runnerDir)) {
    const run = layout.run(runId);
    const read = await readUntrustedJson(run.outcome, RunOutcome);
    if (read.kind !== "ok" || read.value.endedAt >= before) continue;
    const closure = await resolveClosure(run.result);
    if (closure === undefined || !keep.has(closure)) await rm(run.result, { force: true });
  }
}

interface NixRun {
  result: ExecResult;
  firstError: string | undefined;
}

async function nix(context: RunContext, argv: [string, ...string[]]): Promise<NixRun> {
  const found = createErrorFinder();
  const output = createPlainOutput(context.output, "nix");
  const errors = createPlainOutput(context.output, "nix", found.read);
  const result = await context.command({
    argv,
    env: nixEnvironment(context.deps.env),
    cwd: "/",
    signal: context.signal,
    // Nix names each path that it deletes, and tells the sum last.
    captureBytes: 64 * 1024 * 1024,
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => errors.write(chunk),
  });
  output.end();
  errors.end();
  return { result, firstError: found.first() };
}

function nixFailureOf({ redact }: RunContext, { result, firstError }: NixRun, removed: number): Outcome | undefined {
  if (succeeded(result)) return undefined;
  const so = `${count(removed)} had been removed`;
  if (result.aborted) return { ...STOPPED, reason: `Stopped after ${so}.` };
  if (result.end.kind === "spawn-failed") return failure("nix-missing", `Nix cannot be run: ${result.end.message}.`);
  const said = firstError === undefined ? describeEnd(result.end) : redact(firstError);
  const exitCode = result.end.kind === "exited" ? result.end.exitCode : undefined;
  return failure("collect-failed", shorten(`Nix could not collect garbage after ${so}: ${said}`, 2000), {
    firstError: said,
    exitCode,
  });
}

function count(generations: number): string {
  return generations === 1 ? "1 generation" : `${generations} generations`;
}
