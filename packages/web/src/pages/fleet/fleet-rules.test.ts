import type { HostId } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hostRow, idOf, pictureFleet, runSummary } from "../../dev/host-rows.ts";
import { GROUPS, isInGroup, summarise } from "./groups-of-status.ts";
import { listItems } from "./list-items.ts";
import { heldOrder, SORTS, sortRows, sortsByMeasured } from "./order.ts";
import { matches, parseSearch } from "./search.ts";
import { extendTo, keepExisting, NOTHING, selectAll, toggle } from "./selection.ts";
import { readFleetSearch, viewOf } from "./view.ts";

const fleet = pictureFleet(1_000_000_000_000).rows;
const found = (text: string) => {
  const search = parseSearch(text);
  return fleet.filter((row) => matches(row, search)).map((row) => row.name);
};

test("the verdict leaves out empty groups, and is one sentence if all hosts are current", () => {
  expect(summarise([hostRow()]).verdict.map((part) => part.words)).toEqual(["All 1 current"]);
  expect(summarise(fleet).verdict.map((part) => part.words)).toEqual(["9 of 15 current", "4 behind", "1 failed", "1 switching"]);
});

test("hosts that do different things are running, not switching", () => {
  const rows = (["pull", "switch"] as const).map((op) => hostRow({ status: "working", run: runSummary({ op }) }));
  expect(summarise(rows).verdict.map((part) => part.words)).toContain("2 running");
});

test("a host that runs the target and only has tests to run is to check, not behind", () => {
  const row = hostRow({
    status: "attention",
    compartments: { tests: { status: "attention", word: "not run", sentence: "" } },
  });
  expect(summarise([row]).verdict.map((part) => part.words)).toEqual(["0 of 1 current", "1 to check"]);
});

test("every host is in exactly one group of the verdict, and the numbers add up", () => {
  const groups = ["current", "behind", "failed", "working", "to-check", "unknown"] as const;
  for (const row of fleet) expect(groups.filter((group) => isInGroup(row, group))).toHaveLength(1);
});

test.each([
  ["", fleet.length],
  ["tag:web", 2],
  ["tag:web behind:>0", 0],
  ["behind:>0", 2],
  ["behind:3 -is:offline", 1],
  ["is:failed", 1],
  ["os:home", 2],
  ["memory:>90", 1],
  ["memory:>=93%", 1],
  ["system:failed", 1],
  ["commit:4be20", 3],
  ["4be20", 3],
  ["HSB", 3],
  ["-tag:home tag:cloud", 3],
  ["git:behind", 3],
  ['"not switched"', 1],
])("the search %j finds %i hosts", (text, count) => {
  expect(found(text)).toHaveLength(count);
});

test("only a search or an order by load, memory or disk depends on measurements", () => {
  for (const text of ["", "web", "tag:load", "behind:>0 -is:failed", '"memory"', "load:many"]) {
    expect(parseSearch(text).measured).toBe(false);
  }
  for (const text of ["load:>2", "web -MEMORY:<90", "disk:90"]) expect(parseSearch(text).measured).toBe(true);
  expect(SORTS.filter(sortsByMeasured)).toEqual(["load", "memory"]);
});

test("an unknown value matches no comparison", () => {
  expect(found("load:>0 host:mba")).toEqual([]);
  expect(found("load:<99 host:mba")).toEqual([]);
});

test("an invalid term is reported, and the others still count", () => {
  const search = parseSearch("colour:red tag:web behind:many is:sad");
  expect(search.faults).toEqual([
    expect.stringMatching(/^Unknown field colour:\. Known fields: is, commit, /),
    "behind: takes a number, for example behind:>0.",
    `is: takes one of ${GROUPS.join(", ")}.`,
  ]);
  expect(search.terms).toHaveLength(1);
});

/** What the language is made of, and what it is not. */
const SIGNS = [
  "a",
  "t",
  ":",
  ">",
  "=",
  "<",
  "-",
  '"',
  "'",
  " ",
  "0",
  "9",
  ".",
  "%",
  "é",
  "\u{1f600}",
  "\u0000",
  "tag:",
  "is:",
  "behind:",
];

test("no text breaks the search", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...SIGNS), maxLength: 40 }), (text) => {
      const search = parseSearch(text);
      for (const row of fleet) matches(row, search);
    }),
  );
});

test("the worst come first, equal ones by name in natural order", () => {
  expect(
    sortRows(fleet, "worst")
      .slice(0, 6)
      .map((row) => row.name),
  ).toEqual(["csb1", "gpc0", "imac0", "mba-work", "rpi2", "hsb1"]);
  const numbered = ["n10", "n9", "n1"].map((name, index) => hostRow({ name, id: idOf(index) as HostId }));
  expect(sortRows(numbered, "name").map((row) => row.name)).toEqual(["n1", "n9", "n10"]);
});

test("every order is a total one: it does not depend on the order before", () => {
  for (const sort of SORTS) {
    const expected = sortRows(fleet, sort).map((row) => row.id);
    fc.assert(
      fc.property(fc.shuffledSubarray(fleet, { minLength: fleet.length }), (rows) => {
        expect(sortRows(rows, sort).map((row) => row.id)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  }
});

test("R59: rows keep their places under the pointer; new ones follow at the end, removed ones disappear", () => {
  expect(heldOrder(["a", "b", "c"], ["c", "d", "a"], (id) => id !== "b")).toEqual(["a", "c", "d"]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.uniqueArray(fc.string()), (drawn, wanted) => {
      const exists = (id: string) => wanted.includes(id);
      const held = heldOrder(drawn, wanted, exists);
      expect(held.slice(0, drawn.filter(exists).length)).toEqual(drawn.filter(exists));
      expect([...held].sort()).toEqual([...wanted].sort());
    }),
  );
});

test("groups are sorted by name, with their count, those without a name last, and a host with two tags is in both", () => {
  const rows = [hostRow({ tags: ["web", "edge"] }), hostRow({ id: idOf(2) as HostId, name: "b", tags: [] })];
  expect(listItems(rows, "tag").map((item) => (item.kind === "head" ? `${item.label} ${item.count}` : item.row.name))).toEqual([
    "edge 1",
    "hsb0",
    "web 1",
    "hsb0",
    "No tag 1",
    "b",
  ]);
  expect(new Set(listItems(fleet, "tag").map((item) => item.key)).size).toBe(listItems(fleet, "tag").length);
});

test("a range selection runs from the last click in the drawn order, in either direction", () => {
  const drawn = ["a", "b", "c", "d"];
  const first = toggle(NOTHING, "c");
  expect([...extendTo(first, "a", drawn).ids].sort()).toEqual(["a", "b", "c"]);
  expect([...extendTo(NOTHING, "b", drawn).ids]).toEqual(["b"]);
  expect(toggle(first, "c").ids.size).toBe(0);
});

test("a host that is removed leaves the selection; otherwise the selection is the same object", () => {
  const selection = selectAll(["a", "b"]);
  expect([...keepExisting(selection, (id) => id === "a").ids]).toEqual(["a"]);
  expect(keepExisting(selection, () => true)).toBe(selection);
});

test("a view survives a round trip through the address, which leaves defaults out", () => {
  const search = readFleetSearch({
    q: "tag:web",
    show: "behind",
    sort: "name",
    group: "tag",
    density: "compact",
    hide: "load,tags",
  });
  expect(viewOf(search)).toEqual({
    q: "tag:web",
    show: "behind",
    platform: undefined,
    sort: "name",
    group: "tag",
    density: "compact",
    hide: ["tags", "load"],
  });
  expect(readFleetSearch({ q: "", sort: "worst", group: "none", density: "comfortable", hide: "" })).toEqual({});
});

test("an invalid address cannot break the page", () => {
  expect(
    readFleetSearch({ q: 7, show: "everything", sort: {}, group: ["tag"], density: null, hide: "menu,host", evil: 1 }),
  ).toEqual({
    q: "7",
  });
});
