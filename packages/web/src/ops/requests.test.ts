import { type HostId, REFUSALS } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { hostRow, idOf } from "../dev/host-rows.ts";
import {
  ALL_OPS,
  asksFirst,
  denialOf,
  joinNames,
  leadsToChanges,
  MENU_OPS,
  opLabel,
  opOn,
  opStart,
  specialisationsToAsk,
  splitByDenial,
} from "./requests.ts";

test("an op that can be queued is queued, another one is refused", () => {
  expect(opStart("pull").whenBlocked).toBe("queue");
  expect(opStart("refresh").whenBlocked).toBe("refuse");
});

test("a role that is too low disables every op, with the reason", () => {
  for (const op of ALL_OPS) expect(denialOf(hostRow(), op, "viewer")).toBe(REFUSALS["role-too-low"].sentence);
  for (const op of ALL_OPS) expect(denialOf(hostRow(), op, "operator")).toBeUndefined();
});

test("hosts that cannot run the op are named with the server's reason; the others can", () => {
  const away = hostRow({ id: idOf(2) as HostId, name: "nas0", deniedOps: { refresh: "The host is not connected." } });
  const split = splitByDenial([hostRow(), away], "refresh", "admin");
  expect(split.allowed.map((row) => row.name)).toEqual(["hsb0"]);
  expect(split.denied).toEqual([{ row: away, reason: "The host is not connected." }]);
});

test("names are joined as in a sentence", () => {
  expect([joinNames([]), joinNames(["a"]), joinNames(["a", "b"]), joinNames(["a", "b", "c"])]).toEqual([
    "",
    "a",
    "a and b",
    "a, b and c",
  ]);
});

test("a menu has every op of the registry, except those with an argument that only their own page knows", () => {
  expect(ALL_OPS.filter((op) => !MENU_OPS.includes(op))).toEqual(["rollback"]);
});

test("R49: an op that needs proof or has a question opens a dialog, also for one host; so does any op on several hosts", () => {
  expect(MENU_OPS.filter((op) => asksFirst(op, 1))).toEqual(["reboot", "collect-garbage"]);
  expect(MENU_OPS.every((op) => asksFirst(op, 2))).toBe(true);
  expect([opLabel("pull"), opLabel("pull", 2), opLabel("reboot")]).toEqual(["Pull", "Pull…", "Reboot…"]);
});

test("a switch of one host asks for one of its specialisations, where it has any", () => {
  const row = hostRow({ runs: { ...hostRow().runs, specialisation: "old" }, specialisations: ["gaming"] });
  expect(specialisationsToAsk(opStart("switch"), [row])).toEqual(["old", "gaming"]);
  expect(specialisationsToAsk(opStart("switch"), [hostRow()])).toEqual([]);
  for (const start of [opStart("switch", { mode: "boot" }), opStart("pull")])
    expect(specialisationsToAsk(start, [row])).toEqual([]);
  expect(specialisationsToAsk(opStart("switch"), [row, row])).toEqual([]);
});

test("an op and its object form one phrase", () => {
  expect([opOn("switch", "3 hosts"), opOn("test", "csb1"), opOn("collect-garbage", "csb1")]).toEqual([
    "Switch 3 hosts",
    "Run tests on csb1",
    "Collect garbage on csb1",
  ]);
});

test("a preview of a switch opens the Changes page, a comparison of generations does not", () => {
  expect(leadsToChanges(opStart("preview"))).toBe(true);
  expect(leadsToChanges(opStart("preview", { generation: 287, against: 286 }))).toBe(false);
  expect(leadsToChanges(opStart("switch"))).toBe(false);
});
