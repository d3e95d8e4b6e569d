import { type Preview, shorten, type UnitChanges } from "@nixfleet/protocol";
import { succeeded } from "@nixfleet/runtime";
import { parseDryActivate } from "../../nix/dry-activate.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { Specialisation } from "../../platforms/specialisations.ts";
import { reportDiff, type Step } from "../build.ts";
import { type RunContext, STOPPED } from "../context.ts";
import { readSystemFacts } from "../facts.ts";
import { findLockOut } from "../find-lock-out.ts";
import { findGeneration, type KnownGeneration } from "../generations.ts";
import { createPlainOutput } from "../output.ts";
import { refuseGeneration } from "../rewind.ts";
import { readSpecialisation } from "../specialisation.ts";
import { checkSignature } from "../sync.ts";
import { buildTarget } from "../target-closure.ts";
import type { OpImplementation } from "./implementation.ts";

/** Reports what a switch would change: packages, units, reboot, this agent. Builds what is not there yet, and activates nothing. */
export const preview: OpImplementation<"preview"> = async (context, args) => {
  const { platform } = context.deps;
  const other = args.against === undefined ? undefined : await findGeneration(context, args.against);
  if (other?.ok === false) return other.outcome;
  const found: Step<KnownGeneration> =
    args.generation === undefined
      ? await buildTarget(context, args.commit, "run")
      : await findGeneration(context, args.generation);
  if (!found.ok) return found.outcome;
  const { closure, commit } = found.value;
  const isOfRunning = other === undefined;
  const chosen: Step<Specialisation | undefined> = isOfRunning
    ? await readSpecialisation(context, closure, { asked: undefined, mode: "switch" })
    : { ok: true, value: undefined };
  if (!chosen.ok) return chosen.outcome;
  // What a switch would activate: the specialisation that runs is kept.
  const activated = chosen.value?.closure ?? closure;
  context.phase("diff");
  const against = other === undefined ? await platform.runningClosure() : other.value.closure;
  await reportDiff(context, activated, against);
  // Only against what runs: an activator compares itself with that, and with nothing else.
  const units =
    isOfRunning && (await mayRunActivator(context, args.generation, found.value)) ? await readUnits(context, activated) : null;
  if (context.signal.aborted) return STOPPED;
  const reasons = await platform.rebootReasons(activated);
  const shown: Preview = {
    commit,
    closure,
    against: against ?? null,
    units,
    reboot: { needed: reasons.length > 0, reasons: [...reasons] },
    agent: await compareAgents(platform, against, activated),
    ...(isOfRunning && { lockOut: await readLockOut(platform, against, activated) }),
    ...(isOfRunning && (await shownSpecialisation(context, chosen.value))),
  };
  context.events.append({ kind: "preview", preview: shown });
  return { state: "succeeded" };
};

/** A generation's activator is a program of that time: it runs where a rollback to the generation would be accepted. */
async function mayRunActivator(context: RunContext, generation: number | undefined, known: KnownGeneration): Promise<boolean> {
  if (generation === undefined) return true;
  const refused = await refuseGeneration(context, known, generation, (commit) => checkSignature(context, commit));
  if (refused !== undefined) context.warn(`The changes to units are not known: ${refused.reason}`);
  return refused === undefined;
}

/** What the closure's own activator says it would do to units. It informs only: a failure is a warning. */
async function readUnits(context: RunContext, closure: string): Promise<UnitChanges | null> {
  const dry = context.deps.platform.dryActivation(closure);
  if (dry === undefined) return null;
  const output = createPlainOutput(context.output, "activation");
  const errors = createPlainOutput(context.output, "activation");
  const argv: [string, ...string[]] = dry.launcher.length === 0 ? [...dry.argv] : ([...dry.launcher, ...dry.argv] as typeof argv);
  const result = await context.command({
    argv,
    env: dry.env,
    cwd: "/",
    signal: context.signal,
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => errors.write(chunk),
  });
  output.end();
  errors.end();
  const units = succeeded(result) ? parseDryActivate(`${result.stdout}\n${result.stderr}`) : undefined;
  if (units === undefined && !context.signal.aborted) {
    context.warn("The changes to units are not known: the closure's activator did not list them.");
  }
  return units ?? null;
}

/** Which specialisation runs, and which one a switch would activate. */
async function shownSpecialisation(
  { deps }: RunContext,
  next: Specialisation | undefined,
): Promise<Pick<Preview, "specialisation">> {
  const { running } = await readSystemFacts(deps.platform, deps.config.runnerDir);
  const now = running?.specialisation?.name ?? null;
  return now === null && next === undefined ? {} : { specialisation: { running: now, next: next?.name ?? null } };
}

/** What a switch would refuse, or could not tell, of the ways into this host. */
async function readLockOut(platform: Platform, from: string | undefined, to: string): Promise<Preview["lockOut"]> {
  const { risks, unclear } = await findLockOut(platform, from, to);
  const listed = (sentences: readonly string[]) => sentences.slice(0, 50).map((sentence) => shorten(sentence, 500));
  return { risks: listed(risks), unclear: listed(unclear) };
}

/** What becomes of this agent. One that no configuration installs stays as it is. */
async function compareAgents(platform: Platform, from: string | undefined, to: string): Promise<Preview["agent"]> {
  const before = from === undefined ? undefined : await platform.installedAgent(from);
  const after = await platform.installedAgent(to);
  if (before === after) return "same";
  return after === undefined ? "missing" : "changed";
}
