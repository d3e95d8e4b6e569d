import type { AuditEntry } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { readActivityFilter } from "./address.ts";
import { byDay, choicesOf, isWanted, mergeEntries } from "./entries.ts";

const entry = (seq: number, change: Partial<AuditEntry> = {}): AuditEntry => ({
  seq,
  at: seq * 1_000,
  who: "admin",
  actorKind: "person",
  action: "run.start",
  sentence: "Started",
  hosts: [{ id: "id-a", name: "hsb0" }],
  runId: null,
  from: null,
  outcome: "done",
  ...change,
});

test("a filter matches a person, an action or its first part, and a host by name or id", () => {
  expect(isWanted(entry(1), {})).toBe(true);
  expect(isWanted(entry(1), { who: "admin", action: "run", host: "hsb0" })).toBe(true);
  expect(isWanted(entry(1), { action: "run.start", host: "id-a" })).toBe(true);
  expect(isWanted(entry(1), { who: "eve" })).toBe(false);
  expect(isWanted(entry(1), { action: "ru" })).toBe(false);
  expect(isWanted(entry(1), { host: "hsb1" })).toBe(false);
});

test("live and read entries are merged without duplicates, newest first, and filtered alike", () => {
  const merged = mergeEntries([entry(3), entry(4, { who: "eve" })], [entry(2), entry(3), entry(1)], { who: "admin" });
  expect(merged.map(({ seq }) => seq)).toEqual([3, 2, 1]);
});

test("entries are grouped by day", () => {
  const now = new Date(2026, 10, 23, 9).getTime();
  const at = (day: number, year = 2026) => new Date(year, 10, day, 8).getTime();
  const days = byDay(
    [
      entry(5, { at: at(23) }),
      entry(4, { at: at(22) }),
      entry(3, { at: at(22) }),
      entry(2, { at: at(1) }),
      entry(1, { at: at(1, 2025) }),
    ],
    now,
  );
  expect(days.map(({ title, entries }) => [title, entries.length])).toEqual([
    ["Today", 1],
    ["Yesterday", 2],
    ["Sunday, November 1", 1],
    ["Saturday, November 1, 2025", 1],
  ]);
});

test("the choices are those of the entries, with a choice for all actions on one kind of thing", () => {
  expect(choicesOf([entry(1), entry(2, { who: "eve", action: "host.add" }), entry(3, { action: "run.cancel" })])).toEqual({
    people: ["admin", "eve"],
    actions: ["host", "host.add", "run", "run.cancel", "run.start"],
  });
});

test("an invalid filter in the address is ignored", () => {
  expect(readActivityFilter({ who: "admin", action: "", host: 5, other: "x" })).toEqual({ who: "admin" });
  expect(readActivityFilter({ who: "x".repeat(61) })).toEqual({});
});
