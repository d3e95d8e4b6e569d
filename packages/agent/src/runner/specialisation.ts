import { type SpecialisationName, shorten } from "@nixfleet/protocol";
import type { ActivationMode } from "../platforms/platform.ts";
import type { Specialisation } from "../platforms/specialisations.ts";
import type { Step } from "./build.ts";
import type { RunContext } from "./context.ts";
import { readSystemFacts } from "./facts.ts";

/** What is known before a specialisation is chosen. */
export interface SpecialisationChoice {
  /** Of the person: a name; null for the configuration itself; undefined: nobody has said anything. */
  asked: string | null | undefined;
  /** Which one runs. */
  running: string | undefined;
  mode: ActivationMode;
  /** Those of what is to be activated. */
  available: readonly Specialisation[];
}

export type ChosenSpecialisation =
  /** `left`: the one that runs, and that what is to be activated has not. */
  { kind: "chosen"; specialisation: Specialisation | undefined; left: string | undefined } | { kind: "refused"; reason: string };

/**
 * Which specialisation of a closure is activated: the one asked for, else the one that runs. A boot brings the configuration itself:
 * boot loaders take another one only from the menu (systemd-boot-builder.py; nixos-rebuild refuses `boot --specialisation`).
 */
export function chooseSpecialisation({ asked, running, mode, available }: SpecialisationChoice): ChosenSpecialisation {
  const name = asked === undefined ? running : asked;
  if (name === undefined || name === null) return { kind: "chosen", specialisation: undefined, left: undefined };
  if (mode === "boot") {
    if (asked === undefined) return { kind: "chosen", specialisation: undefined, left: undefined };
    return {
      kind: "refused",
      reason: "A specialisation cannot be set for the next boot: choose it in the boot menu, or switch to it.",
    };
  }
  const specialisation = available.find((one) => one.name === name);
  if (specialisation !== undefined) return { kind: "chosen", specialisation, left: undefined };
  if (asked === undefined) return { kind: "chosen", specialisation: undefined, left: name };
  const names = available.map((one) => one.name).join(", ");
  return { kind: "refused", reason: `There is no specialisation ${name}: ${names === "" ? "it has none" : `it has ${names}`}.` };
}

/** Chooses for a closure on this host; what is left is told before anything is activated. */
export async function readSpecialisation(
  context: RunContext,
  closure: string,
  { asked, mode }: { asked: SpecialisationName | null | undefined; mode: ActivationMode },
): Promise<Step<Specialisation | undefined>> {
  const { platform, config } = context.deps;
  const refused = (reason: string) =>
    ({ ok: false, outcome: { state: "refused", code: "arguments-invalid", reason: shorten(reason, 2000) } }) as const;
  if (platform.specialisations === undefined) {
    return asked == null ? { ok: true, value: undefined } : refused(`The platform ${platform.name} has no specialisations.`);
  }
  const { running } = await readSystemFacts(platform, config.runnerDir);
  const available = await platform.specialisations.of(closure);
  const chosen = chooseSpecialisation({ asked, running: running?.specialisation?.name, mode, available });
  if (chosen.kind === "refused") return refused(chosen.reason);
  if (chosen.left !== undefined) {
    context.warn(
      `The host runs the specialisation ${chosen.left}, and the configuration has none of that name now: a switch leaves it.`,
    );
  }
  return { ok: true, value: chosen.specialisation };
}
