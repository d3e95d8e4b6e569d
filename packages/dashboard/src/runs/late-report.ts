import type { Outcome } from "@nixfleet/protocol";

/** A report of the host that came after its run had ended here, as a sentence. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.state) {
    case "succeeded":
      return outcome.reason ?? "The host reported that it succeeded.";
    case "cancelled":
    case "refused":
      return `The host reported that it was ${outcome.state}: ${outcome.reason}`;
    case "timed-out":
      return `The host reported that it timed out: ${outcome.reason}`;
    case "failed":
      return `The host reported that it failed: ${outcome.reason}`;
    case "rolled-back":
      return `The host reported that it was rolled back: ${outcome.reason}`;
  }
}
