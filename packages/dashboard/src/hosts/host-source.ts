import { createHash } from "node:crypto";
import { type Facts, type HostSettings, SourceId } from "@nixfleet/protocol";
import { canonicalRepoUrl } from "@nixfleet/runtime";

/** A flake: a config repository, a branch of it, and a folder. */
export interface SourceName {
  readonly repoUrl: string;
  readonly branch: string;
  /** Folder of the flake within it; absent or empty: its root. */
  readonly flakeDir?: string | undefined;
}

/** The id of a source: the same for all URLs of one repository, another one for each of its branches, and each folder with a flake. */
export function sourceIdOf({ repoUrl, branch, flakeDir = "" }: SourceName): SourceId {
  // None of them contains a line break, so the text is unique.
  const folder = flakeDir === "" ? "" : `\n${flakeDir}`;
  const hash = createHash("sha256").update(`${branch}\n${canonicalRepoUrl(repoUrl)}${folder}`);
  return SourceId.parse(hash.digest("hex").slice(0, 16));
}

/** The source that a host reports; null: not reported. Older agents report the branch in the fact `clone` only. */
export function sourceNameOf(settings: HostSettings | null, clone: Facts["clone"] | undefined): SourceName | null {
  const branch = settings?.branch ?? clone?.branch;
  if (settings === null || branch === undefined) return null;
  const { repoUrl, flakeDir = "" } = settings;
  return { repoUrl, branch, ...(flakeDir === "" ? {} : { flakeDir }) };
}
