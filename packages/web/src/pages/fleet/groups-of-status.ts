import { type HostRow, Platform, type Status, WORST_FIRST } from "@nixfleet/protocol";

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
    case "current":
    case "behind":
    case "failed":
    case "working":
    case "to-check":
    case "unknown":
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

/** The summary of the fleet: counts, which do not change with heartbeats. */
export interface FleetSummary {
  readonly total: number;
  readonly groups: Readonly<Record<Group, number>>;
  readonly statuses: Readonly<Record<Status, number>>;
  readonly platforms: Readonly<Record<Platform, number>>;
  readonly verdict: readonly VerdictCount[];
}

export function summarise(rows: readonly HostRow[]): FleetSummary {
  const count = <K extends string>(keys: readonly K[], holds: (row: HostRow, key: K) => boolean) =>
    Object.fromEntries(keys.map((key) => [key, rows.filter((row) => holds(row, key)).length])) as Record<K, number>;
  const groups = count(GROUPS, isInGroup);
  return {
    total: rows.length,
    groups,
    statuses: count(WORST_FIRST, (row, status) => row.status === status),
    platforms: count(Platform.options, (row, platform) => row.platform === platform),
    verdict: verdictOf(rows, groups),
  };
}

/** How many hosts are in each group, without those that have none. All well is one sentence. */
function verdictOf(rows: readonly HostRow[], groups: Readonly<Record<Group, number>>): readonly VerdictCount[] {
  const { current } = groups;
  const of = (group: Group, status: Status, words: string): VerdictCount[] =>
    groups[group] === 0 ? [] : [{ group, status, words: `${groups[group]} ${words}` }];
  return [
    {
      group: "current",
      status: current > 0 ? "ok" : "unknown",
      words: current === rows.length ? `All ${current} current` : `${current} of ${rows.length} current`,
    },
    ...of("behind", "attention", "behind"),
    ...of("to-check", "attention", "to check"),
    ...of("failed", "broken", "failed"),
    ...of("working", "working", workingWord(rows)),
    ...of("unknown", "unknown", "unknown"),
  ];
}

const DOING = { switch: "switching", pull: "pulling", test: "testing" } as const satisfies Partial<Record<string, string>>;

/** The word for the running ops, if all hosts run the same one. */
function workingWord(rows: readonly HostRow[]): string {
  const ops = new Set(rows.filter((row) => row.status === "working").map((row) => row.run?.op));
  const [op] = ops;
  return ops.size === 1 && op !== undefined && op in DOING ? DOING[op as keyof typeof DOING] : "running";
}
