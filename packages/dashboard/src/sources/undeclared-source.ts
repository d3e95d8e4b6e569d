import { canonicalRepoUrl } from "@nixfleet/runtime";
import type { SourceName } from "../hosts/index.ts";

/** A source for display: "main of git.example.org/me/cfg", without user name and password, and with the folder where there is one. */
export function sourceTitle({ repoUrl, branch, flakeDir = "" }: SourceName): string {
  const place = [canonicalRepoUrl(repoUrl), flakeDir].filter((part) => part !== "").join("/");
  return place === "" ? branch : `${branch} of ${place}`;
}

/** Explains that a host tracks an undeclared source, and what to do. */
export function undeclaredSource(source: SourceName): string {
  const title = sourceTitle(source);
  return `This host follows ${title}, which this dashboard does not read. Declare it with NIXFLEET_REPO_URL, NIXFLEET_BRANCH and NIXFLEET_FLAKE_DIR, or set repoUrl, branch and flakeDir in the host's configuration to what the dashboard reads.`;
}
