import type { FailureCode } from "@nixfleet/protocol";
import { saysDiskFull } from "../error-lines.ts";

/** Which failure Nix's errors, or the failed builder's first one, speak of. `during` decides where they do not say, and whether the store's disk is full. */
export function nixFailureCode(errors: string, during: "evaluate" | "build", isStoreFull: boolean): FailureCode {
  if (saysDiskFull(errors)) return "disk-full";
  // What SQLite says of Nix's database when its log cannot grow, and of a broken disk.
  if (isStoreFull && /disk I\/O error/i.test(errors)) return "disk-full";
  if (during === "build") return "build-failed";
  return /^error: flake '[^\n]*' does not provide attribute/m.test(errors) ? "attribute-missing" : "evaluation-failed";
}
