import type { Commit, Generation, Outcome } from "@nixfleet/protocol";
import { generationClosure } from "../platforms/links.ts";
import type { Step } from "./build.ts";
import type { RunContext } from "./context.ts";

/** A generation of the host: what its number stands for, and the commit that it was deployed from, where that is known. */
export interface KnownGeneration {
  closure: string;
  commit: Commit | null;
}

/** Looks up a generation by its number. One that was never there, or was collected, is refused. */
export async function findGeneration({ deps, ledger }: RunContext, number: number): Promise<Step<KnownGeneration>> {
  const profile = await deps.platform.profile();
  const closure = profile === undefined ? undefined : await generationClosure(profile, number);
  if (closure === undefined) {
    const reason = `This host has no generation ${number}, or its closure was collected.`;
    return { ok: false, outcome: { state: "refused", code: "generation-missing", reason } satisfies Outcome };
  }
  const deployment = (await ledger.read()).findLast((one) => one.closure === closure);
  return { ok: true, value: { closure, commit: deployment?.commit ?? null } };
}

/**
 * The number of the generation that was there before: the nearest below the current one that is another closure (R34). Where what
 * runs belongs to no generation, as after mode `test`, that is the current one itself. Undefined: there is none.
 */
export function previousGeneration(
  generations: readonly Pick<Generation, "number" | "closure" | "current">[],
  running: string | undefined,
): number | undefined {
  const current = generations.find((one) => one.current);
  if (current === undefined) return undefined;
  if (running !== undefined && !generations.some(({ closure }) => closure === running)) return current.number;
  const before = generations.filter(({ number, closure }) => number < current.number && closure !== current.closure);
  return before.reduce<number | undefined>((nearest, { number }) => Math.max(nearest ?? number, number), undefined);
}
