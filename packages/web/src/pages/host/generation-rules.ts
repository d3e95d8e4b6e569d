import type { GenerationView } from "@nixfleet/protocol";

/** The last two that were chosen; one that is chosen again is let go. */
export function choose(chosen: readonly number[], number: number): readonly number[] {
  if (chosen.includes(number)) return chosen.filter((each) => each !== number);
  return [...chosen, number].slice(-2);
}

/** The arguments of a comparison: the newer generation against the older one; a single one against the running system. */
export function comparisonOf(chosen: readonly number[]): { generation: number; against?: number } | null {
  const [older, newer] = chosen.toSorted((a, b) => a - b);
  if (older === undefined) return null;
  return newer === undefined ? { generation: older } : { generation: newer, against: older };
}

/** A comparison as a heading, from the arguments of its run; null: the run is none. */
export function comparisonTitle({ generation, against }: Readonly<Record<string, unknown>>): string | null {
  if (typeof generation !== "number") return null;
  return typeof against === "number"
    ? `From generation ${against} to ${generation}`
    : `From the running system to generation ${generation}`;
}

/** The reason why no generation can be rolled back to, if it is the same for all: it is shown once and not in each row. */
export function sharedDenial(generations: readonly GenerationView[]): string | null {
  const there = generations.filter(({ closure }) => closure !== null);
  const denied = there.filter((each) => each.denied !== null);
  const [first] = denied;
  if (denied.length < 2 || first === undefined || there.some(({ rollback }) => rollback !== null)) return null;
  return denied.every((each) => each.denied === first.denied) ? first.denied : null;
}
