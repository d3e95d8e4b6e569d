import { canonicalRepoUrl } from "@nixfleet/runtime";
import type { SourceName } from "../hosts/index.ts";

/** A source as people read it: "main of git.example.org/me/cfg". It holds no user name and no password. */
export function sourceTitle({ repoUrl, branch }: SourceName): string {
  const place = canonicalRepoUrl(repoUrl);
  return place === "" ? branch : `${branch} of ${place}`;
}

/** What is so for a host that tracks a source which is not declared here, and what to do. */
export function undeclaredSource(source: SourceName): string {
  const title = sourceTitle(source);
  return `This host follows ${title}, which this dashboard does not read. Declare it with NIXFLEET_REPO_URL and NIXFLEET_BRANCH, or set repoUrl and branch in the host's configuration to what the dashboard reads.`;
}
