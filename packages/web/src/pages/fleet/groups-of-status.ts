import type { HostRow, Status } from "@nixfleet/protocol";

/** The filters that the verdict and the chips offer, and that `is:` takes in a search. */
export const GROUPS = [
  "current",
  "behind",
  "failed",
  "working",
  "to-check",
  "unknown",
  "attention",
  "online",
  "stale",
  "offline",
] as const;
export type Group = (typeof GROUPS)[number];

/**
 * Whether a host is in a group. Each host is in exactly one of current, behind, failed, working, to-check and unknown, by what the
 * server says of it; `attention` is everything with a cause, and the last three are about reachability.
 */
export function isInGroup(row: HostRow, group: Group): boolean {
  switch (group) {
    case "attention":
      return row.cause !== null;
    case "online":
    case "stale":
      return row.reachability.state === group;
    case "offline":
      return row.reachability.state === "offline" || row.reachability.state === "never";
    default:
      return groupOf(row) === group;
  }
}

function groupOf(row: HostRow): Exclude<Group, "attention" | "online" | "stale" | "offline"> {
  switch (row.status) {
    case "ok":
      return "current";
    case "broken":
      return "failed";
    case "working":
      return "working";
    case "unknown":
      return "unknown";
    case "attention": {
      const { git, lock, system } = row.compartments;
      return [git, lock, system].some((answer) => answer.status === "attention") ? "behind" : "to-check";
    }
  }
}

export interface VerdictCount {
  readonly group: Group;
  readonly status: Status;
  readonly words: string;
}

/** The verdict: how many hosts are in each group, without those that have none. All well is one sentence. */
export function verdictOf(rows: readonly HostRow[]): readonly VerdictCount[] {
  const count = (group: Group) => rows.filter((row) => isInGroup(row, group)).length;
  const current = count("current");
  const all = current === rows.length;
  const parts: (VerdictCount & { count: number })[] = [
    {
      group: "current",
      status: current > 0 ? "ok" : "unknown",
      words: all ? `All ${current} current` : `${current} of ${rows.length} current`,
      count: rows.length,
    },
    { group: "behind", status: "attention", words: "behind", count: count("behind") },
    { group: "to-check", status: "attention", words: "to check", count: count("to-check") },
    { group: "failed", status: "broken", words: "failed", count: count("failed") },
    { group: "working", status: "working", words: workingWord(rows), count: count("working") },
    { group: "unknown", status: "unknown", words: "not known", count: count("unknown") },
  ];
  return parts
    .filter((part) => part.count > 0)
    .map(({ group, status, words, count: number }) => ({
      group,
      status,
      words: group === "current" ? words : `${number} ${words}`,
    }));
}

const DOING = { switch: "switching", pull: "pulling", test: "testing" } as const satisfies Partial<Record<string, string>>;

/** What the hosts at work do, if all do the same. */
function workingWord(rows: readonly HostRow[]): string {
  const ops = new Set(rows.filter((row) => row.status === "working").map((row) => row.run?.op));
  const [op] = ops;
  return ops.size === 1 && op !== undefined && op in DOING ? DOING[op as keyof typeof DOING] : "at work";
}
