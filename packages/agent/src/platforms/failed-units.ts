/** Units that have failed now, had not failed before, and that the host's configuration does not let fail. */
export function newlyFailed(
  before: readonly string[] | null | undefined,
  now: readonly string[] | undefined,
  ignored: readonly string[],
): string[] {
  if (before === null || before === undefined || now === undefined) return []; // It is not known.
  return unexpected(now, [...before, ...ignored]);
}

function unexpected(units: Iterable<string>, expected: readonly string[]): string[] {
  const known = new Set([...expected, ...expected.map((name) => `${name}.service`)]);
  return [...new Set(units)].filter((unit) => !known.has(unit));
}

/** What an activator said about units on its way. */
export interface UnitReport {
  /** Units that it named as failed, whatever became of them since. */
  units: readonly string[];
  /** Users whose units it could not switch, where it named no unit. */
  users: readonly string[];
  /** Its own script failed, which the exit code for failed units hides. */
  scriptFailed: boolean;
}

/** How an activation counts that did all of its work and says, by its exit code, that units failed. */
export type UnitsVerdict =
  /** Whatever failed had failed before, or may fail. */
  { kind: "accepted" } | { kind: "failed"; code: "units-failed" | "activation-failed"; reason: string };

/**
 * Judges an activation that ended with the code for failed units: by what has failed now, and by what the activator named, since a job
 * that ended in a timeout, a missing dependency or a user's unit is in no list of failed ones. What nothing explains is a failure.
 */
export function judgeFailedUnits({
  before,
  now,
  ignored,
  reported,
}: {
  before: readonly string[] | null;
  now: readonly string[] | undefined;
  ignored: readonly string[];
  reported: UnitReport;
}): UnitsVerdict {
  const expected = [...(before ?? []), ...ignored];
  if (reported.scriptFailed) {
    return { kind: "failed", code: "activation-failed", reason: "The activation reported that its own script failed." };
  }
  const seen = [...(now ?? []), ...reported.units];
  const failed = [...unexpected(seen, expected), ...reported.users.map((user) => `units of the user ${user}`)];
  if (failed.length > 0) {
    return { kind: "failed", code: "units-failed", reason: `The activation reported that units failed: ${failed.join(", ")}.` };
  }
  if (seen.length > 0) return { kind: "accepted" };
  return { kind: "failed", code: "units-failed", reason: "The activation reported that units failed, and none can be found." };
}
