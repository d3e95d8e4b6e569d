import type { AuditEntry } from "@nixfleet/protocol";
import type { ActivityFilter } from "./address.ts";

/** Whether an entry is one of those that the filter asks for, as the server filters them: `run` matches every action on runs. */
export function isWanted(entry: AuditEntry, { who, action, host }: ActivityFilter): boolean {
  return (
    (who === undefined || entry.who === who) &&
    (action === undefined || entry.action === action || entry.action.startsWith(`${action}.`)) &&
    (host === undefined || entry.hosts.some(({ id, name }) => id === host || name === host))
  );
}

/** Entries that came live and those that were read, each once, newest first, without those that the filter leaves out. */
export function mergeEntries(
  live: readonly AuditEntry[],
  read: readonly AuditEntry[],
  filter: ActivityFilter,
): readonly AuditEntry[] {
  const bySeq = new Map([...read, ...live].map((entry) => [entry.seq, entry]));
  return [...bySeq.values()].filter((entry) => isWanted(entry, filter)).sort((a, b) => b.seq - a.seq);
}

export interface Day {
  readonly key: string;
  readonly title: string;
  readonly entries: readonly AuditEntry[];
}

/** Entries by the days of the reader's own calendar, newest first. */
export function byDay(entries: readonly AuditEntry[], now: number): readonly Day[] {
  const days: { key: string; title: string; entries: AuditEntry[] }[] = [];
  for (const entry of entries) {
    const key = new Date(entry.at).toDateString();
    const day = days.at(-1);
    if (day?.key === key) day.entries.push(entry);
    else days.push({ key, title: dayTitle(entry.at, now), entries: [entry] });
  }
  return days;
}

function dayTitle(at: number, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (then.toDateString() === today.toDateString()) return "Today";
  if (then.toDateString() === yesterday.toDateString()) return "Yesterday";
  const sameYear = then.getFullYear() === today.getFullYear();
  return then.toLocaleDateString("en", { weekday: "long", day: "numeric", month: "long", ...(!sameYear && { year: "numeric" }) });
}

/** The people and actions in the entries, for the filters: actions with their first parts before them. */
export function choicesOf(entries: readonly AuditEntry[]): { people: readonly string[]; actions: readonly string[] } {
  const people = new Set<string>();
  const actions = new Set<string>();
  for (const { who, action } of entries) {
    people.add(who);
    actions.add(action.split(".", 1)[0] ?? action);
    actions.add(action);
  }
  return { people: [...people].sort(), actions: [...actions].sort() };
}
