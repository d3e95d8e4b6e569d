import type { FailureCode } from "@nixfleet/protocol";
import type { GitFailure } from "@nixfleet/runtime";
import { saysDiskFull } from "../error-lines.ts";

/** Which failure Nix's errors, or the failed builder's first one, speak of. `during` decides where they do not say, and whether the store's disk is full. */
export function nixFailureCode(errors: string, during: "evaluate" | "build", isStoreFull: boolean): FailureCode {
  if (saysDiskFull(errors)) return "disk-full";
  // What SQLite says of Nix's database when its log cannot grow, and of a broken disk.
  if (isStoreFull && /disk I\/O error/i.test(errors)) return "disk-full";
  if (during === "build") return "build-failed";
  // Nix 2.8, and newer ones: what the flake needs is not in its lock file, which this program never changes.
  if (/^error: cannot write modified lock file of flake '|requires lock file changes but they're not allowed/m.test(errors)) {
    return "lock-outdated";
  }
  return /^error: flake '[^\n]*' does not provide attribute/m.test(errors) ? "attribute-missing" : "evaluation-failed";
}

/** Whether an input could not be fetched for want of credentials, or of a host key; undefined: neither. */
export function inputFailureCode(
  git: GitFailure | undefined,
  firstError: string,
): Extract<FailureCode, "auth-failed" | "host-key-unknown"> | undefined {
  if (git?.code === "auth-failed" || git?.code === "host-key-unknown") return git.code;
  return isForbiddenDownload(firstError) ? "auth-failed" : undefined;
}

/** What Nix says when it fetches by itself. GitHub and GitLab say 404 of a repository that they hide from a request without a token. */
function isForbiddenDownload(error: string): boolean {
  const [, url = "", status] = /unable to download '([^']*)': HTTP error (\d{3})/.exec(error.slice(0, 4096)) ?? [];
  if (status === "401" || (status === "403" && !/rate limit/i.test(error))) return true;
  return status === "404" && /^https:\/\/(?:api\.github\.com\/repos|[^/]{1,253}\/api\/v[34])\//.test(url);
}
