import { type HostRow, PLATFORM_TRAITS, type Platform } from "@nixfleet/protocol";
import { joinNames, type OpStart } from "./requests.ts";

/** Undefined: the one that runs is kept. Null: none. */
export type SpecialisationAnswer = string | null | undefined;

export interface SpecialisationOfSwitch {
  readonly platform: Platform;
  readonly answer: SpecialisationAnswer;
  /** The one that runs. */
  readonly running: string | null;
  /** The one that a switch activates if nobody says otherwise, from a preview that still holds; undefined: not known. */
  readonly next: string | null | undefined;
}

/** What a switch with an answer leaves, and what lasts until when; null: nothing to say. */
export function afterSwitch({ platform, answer, running, next }: SpecialisationOfSwitch): {
  leaves: string | null;
  lasts: string | null;
} {
  if (answer === undefined && running !== null) {
    if (next === null) {
      return { leaves: `The new configuration has no specialisation ${running}: the switch leaves it.`, lasts: null };
    }
    const unless = next === undefined ? "Kept if the new configuration has it too; otherwise the switch leaves it. " : "";
    return { leaves: null, lasts: `${unless}${until(platform, running)}` };
  }
  const leaves = running === null || answer === running ? null : `The switch leaves the specialisation ${running}.`;
  return { leaves, lasts: answer == null ? null : until(platform, answer) };
}

/** How long a specialisation runs that a switch activates. */
function until(platform: Platform, name: string): string {
  if (!PLATFORM_TRAITS[platform].bootsFromProfile) {
    return "It runs until somebody switches by hand: home-manager switch activates the configuration itself.";
  }
  return `It runs until the next boot, which starts the configuration itself unless somebody chooses ${name} in the boot menu.`;
}

/**
 * What an op does to the specialisations that its hosts run, where nobody is asked for one: a reboot leaves them, a switch of several
 * hosts keeps them. Null: nothing to say.
 */
export function lastingSpecialisations(
  { op, args }: Pick<OpStart, "op" | "args">,
  rows: readonly Pick<HostRow, "name" | "runs">[],
): string | null {
  const special = rows.filter(({ runs }) => runs.specialisation !== null);
  if (special.length === 0) return null;
  const named = joinNames(
    special.map(({ name, runs }) => (rows.length === 1 ? `${runs.specialisation}` : `${name} (${runs.specialisation})`)),
  );
  const it = special.length === 1 ? "it" : "them";
  if (op === "reboot") {
    return `${named}: the reboot starts the configuration itself, unless somebody chooses ${it} in the boot menu.`;
  }
  if (op !== "switch" || rows.length === 1) return null;
  if (args["mode"] === "boot") return `${named}: kept until the next boot, which starts the configuration itself.`;
  return `${named}: kept if the new configuration has ${it} too; otherwise the switch leaves ${it}.`;
}
