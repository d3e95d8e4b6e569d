import { type FactProblem, type FailureCode, shorten } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";

/** What keeps this agent from working, by its cause: the fact `problems`. */
export interface Problems {
  /** True if this is new: a cause that persists keeps its first time. */
  set(cause: string, code: FailureCode, message: string): boolean;
  clear(cause: string): boolean;
  list(): FactProblem[];
}

export function createProblems(clock: Clock): Problems {
  const known = new Map<string, FactProblem>();
  return {
    set(cause, code, message) {
      const before = known.get(cause);
      const text = shorten(message, 2000);
      if (before?.code === code && before.message === text) return false;
      known.set(cause, { code, message: text, at: clock.now() });
      return true;
    },
    clear: (cause) => known.delete(cause),
    list: () => [...known.values()].slice(0, 20),
  };
}
