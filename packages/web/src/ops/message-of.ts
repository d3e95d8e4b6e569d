import { sentence } from "@nixfleet/protocol";
import { ProblemError } from "../live/api.ts";

/** The error and the next step, as one text for a person. */
export function messageOf(error: unknown): string {
  if (error instanceof ProblemError) return `${sentence(error.problem.detail ?? error.problem.title)} ${error.problem.next}`;
  return error instanceof Error ? error.message : String(error);
}
