import { createHash } from "node:crypto";
import { type Facts, type HostSettings, SourceId } from "@nixfleet/protocol";
import { canonicalRepoUrl } from "@nixfleet/runtime";

/** A config repository and a branch of it. */
export interface SourceName {
  readonly repoUrl: string;
  readonly branch: string;
}

/** The id of a source: the same for all URLs of one repository, another one for each of its branches. */
export function sourceIdOf({ repoUrl, branch }: SourceName): SourceId {
  // A branch contains no line break, so the text is unique.
  const hash = createHash("sha256").update(`${branch}\n${canonicalRepoUrl(repoUrl)}`);
  return SourceId.parse(hash.digest("hex").slice(0, 16));
}

/** The source that a host reports; null: not reported. Older agents report the branch in the fact `clone` only. */
export function sourceNameOf(settings: HostSettings | null, clone: Facts["clone"] | undefined): SourceName | null {
  const branch = settings?.branch ?? clone?.branch;
  return settings === null || branch === undefined ? null : { repoUrl: settings.repoUrl, branch };
}
