import type { ChangesView, Metrics } from "@nixfleet/protocol";
import { countOf, formatCount } from "../../format/quantity.ts";

/** The number of commits from the running to the previewed system: `3 commits`, `more than 200 commits`; null: none is known. */
export function commitsBetween({ commits, commitsComplete }: Pick<ChangesView, "commits" | "commitsComplete">): string | null {
  if (commits.length === 0) return null;
  return commitsComplete ? countOf(commits.length, "commit") : `more than ${formatCount(commits.length)} commits`;
}

/** The disk that holds the Nix store. */
export function storeDisk(disks: Metrics["disks"]): NonNullable<Metrics["disks"]>[number] | undefined {
  for (const mount of ["/nix/store", "/nix", "/"]) {
    const disk = disks?.find((each) => each.mount === mount);
    if (disk) return disk;
  }
  return undefined;
}
