import { expect, test } from "vitest";
import { type Entry, findEntries } from "./palette-entries.ts";

const entry = (words: string, rank: 0 | 1 = 0): Entry<string> => ({ key: words, words, rank, value: words });
const entries = [entry("csb1 web"), entry("csb10 web"), entry("Activity"), entry("Pull csb1", 1), entry("Run tests csb1", 1)];
const found = (text: string) => findEntries(entries, text, 10).map(({ value }) => value);

test("without a query, hosts and pages are offered, ops are not", () => {
  expect(found(" ")).toEqual(["csb1 web", "csb10 web", "Activity"]);
});

test("an exact name comes before a prefix, and a host before its ops", () => {
  expect(found("csb1")).toEqual(["csb1 web", "Pull csb1", "Run tests csb1", "csb10 web"]);
});

test("a verb and a host find the op", () => {
  expect(found("pull csb1")).toEqual(["Pull csb1"]);
  expect(found("csb1 tests")).toEqual(["Run tests csb1"]);
});

test("an unknown text finds nothing", () => {
  expect(found("csb1 reboot")).toEqual([]);
});
