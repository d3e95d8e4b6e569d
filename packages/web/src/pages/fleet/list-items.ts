import { type HostRow, PLATFORM_LABELS } from "@nixfleet/protocol";
import type { Grouping } from "./view.ts";

/** What the list draws, line by line: a head for each group, and hosts. */
export type ListItem =
  | { readonly kind: "head"; readonly key: string; readonly label: string; readonly count: number }
  | { readonly kind: "host"; readonly key: string; readonly row: HostRow };

const NONE = { tag: "No tag", location: "No location", platform: "" } as const;

/**
 * The lines of the list for rows that are already in order. Groups come by name, the group of those without one last; a host with
 * several tags is in each of them.
 */
export function listItems(rows: readonly HostRow[], grouping: Grouping): readonly ListItem[] {
  if (grouping === "none") return rows.map((row) => ({ kind: "host", key: row.id, row }));
  const groups = new Map<string, HostRow[]>();
  for (const row of rows) {
    const names = namesOf(row, grouping);
    for (const name of names.length > 0 ? names : [""]) {
      const group = groups.get(name);
      if (group) group.push(row);
      else groups.set(name, [row]);
    }
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a === "" ? 1 : 0) - (b === "" ? 1 : 0) || a.localeCompare(b, "en", { numeric: true }))
    .flatMap(([name, members]): ListItem[] => [
      { kind: "head", key: `head:${name}`, label: name === "" ? NONE[grouping] : name, count: members.length },
      ...members.map((row): ListItem => ({ kind: "host", key: `${name}/${row.id}`, row })),
    ]);
}

function namesOf(row: HostRow, grouping: Exclude<Grouping, "none">): readonly string[] {
  switch (grouping) {
    case "tag":
      return row.tags;
    case "location":
      return row.location ? [row.location] : [];
    case "platform":
      return [PLATFORM_LABELS[row.platform]];
  }
}
