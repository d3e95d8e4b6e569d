import { expect, test } from "vitest";
import { hostRow } from "../dev/host-rows.ts";
import { sameButMeasured, updateStableList } from "./stable-list.ts";
import type { TopicState } from "./topic-state.ts";

const a = hostRow({ name: "a" });
const b = hostRow({ name: "b" });
const fleet = (values: ReadonlyMap<string, unknown>): TopicState<"fleet"> => ({ topic: "fleet", version: 1, values });
const values = (...rows: (typeof a)[]) => fleet(new Map<string, unknown>(rows.map((row) => [`host:${row.name}`, row])));

test("a heartbeat does not change the list, and the first other change updates it", () => {
  const first = updateStableList(null, values(a, b), "host", sameButMeasured);
  const busy = { ...a, load: 3, memory: 0.9, disk: 0.9 };
  const second = updateStableList(first, values(busy, b), "host", sameButMeasured);
  expect(second.list).toBe(first.list);

  const failed = { ...busy, status: "broken" as const };
  const third = updateStableList(second, values(failed, b), "host", sameButMeasured);
  expect(third.list).toEqual([failed, b]);
  expect(third.list[1]).toBe(b);
});

test("a host that disconnected is in the list without its last measurements", () => {
  const busy = hostRow({ name: "a", load: 3, memory: 0.9, disk: 0.9 });
  const left = { ...busy, load: null, memory: null, disk: null, reachability: { state: "offline" as const, since: 1 } };
  const before = updateStableList(null, values(busy, b), "host", sameButMeasured);
  expect(updateStableList(before, values(left, b), "host", sameButMeasured).list).toEqual([left, b]);
});

test("a list with measurements changes with each of them, and is the same while none of its keys changes", () => {
  const first = updateStableList(null, values(a, b), "host", Object.is);
  const busy = { ...a, load: 3 };
  const second = updateStableList(first, values(busy, b), "host", Object.is);
  expect(second.list).toEqual([busy, b]);
  expect(updateStableList(second, fleet(new Map([...values(busy, b).values, ["target", 1]])), "host", Object.is).list).toBe(
    second.list,
  );
});

test("added and removed hosts change the list, also when one replaces another", () => {
  const other = hostRow({ name: "c", load: 2 });
  let list = updateStableList(null, values(a, b), "host", sameButMeasured);
  for (const rows of [[a], [b], [b, other], [other, a], []]) {
    list = updateStableList(list, values(...rows), "host", sameButMeasured);
    expect(list.list).toEqual(rows);
  }
});
