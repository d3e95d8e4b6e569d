import type { RunState } from "@nixfleet/protocol";
import type { RunLogsTable, RunOutcome } from "../store/index.ts";

export type LoggedErrors = Pick<RunLogsTable, "first_error_line" | "lines">;

/**
 * The line of a run's log that a reader would look at first: the one that the host names, else the first that is marked as an error. Null: a
 * run that was not stopped by a fault has none, whatever its programs printed.
 */
export function firstErrorLineOf(
  { state, outcome }: { state: RunState; outcome?: Pick<RunOutcome, "firstErrorLine"> | undefined },
  log: LoggedErrors,
): number | null {
  if (state !== "failed" && state !== "rolled-back" && state !== "timed-out" && state !== "lost") return null;
  const told = outcome?.firstErrorLine ?? null;
  // A log that has reached its limit does not hold every line that the host numbers.
  return told !== null && told <= log.lines ? told : log.first_error_line;
}
