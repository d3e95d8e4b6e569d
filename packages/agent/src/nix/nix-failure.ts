import type { FailureCode } from "@nixfleet/protocol";

/** Which failure Nix's errors speak of. `during` decides where they do not say. */
export function nixFailureCode(errors: string, during: "evaluate" | "build"): FailureCode {
  if (/no space left on device|disk quota exceeded/i.test(errors)) return "disk-full";
  if (during === "build") return "build-failed";
  return /^error: flake '[^\n]*' does not provide attribute/m.test(errors) ? "attribute-missing" : "evaluation-failed";
}
