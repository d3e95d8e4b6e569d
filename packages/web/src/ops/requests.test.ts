import type { HostId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { hostRow, idOf } from "../dev/host-rows.ts";
import {
  ALL_OPS,
  asksFirst,
  denialOf,
  leadsToChanges,
  MENU_OPS,
  namesInWords,
  opLabel,
  opOn,
  opStart,
  splitByDenial,
} from "./requests.ts";

test("an op that can wait is asked to wait, one that cannot is refused", () => {
  expect(opStart("pull").whenBlocked).toBe("queue");
  expect(opStart("refresh").whenBlocked).toBe("refuse");
});

test("a role that is too low is told so for every op, before it presses", () => {
  for (const op of ALL_OPS)
    expect(denialOf(hostRow(), op, "viewer")).toBe("Your role does not allow you to start this operation.");
  for (const op of ALL_OPS) expect(denialOf(hostRow(), op, "operator")).toBeUndefined();
});

test("hosts that cannot do it are named with the server's reason, the others go on", () => {
  const away = hostRow({ id: idOf(2) as HostId, name: "nas0", deniedOps: { refresh: "The host is not connected." } });
  const split = splitByDenial([hostRow(), away], "refresh", "admin");
  expect(split.allowed.map((row) => row.name)).toEqual(["hsb0"]);
  expect(split.denied).toEqual([{ row: away, reason: "The host is not connected." }]);
});

test("names read as a sentence has them", () => {
  expect([namesInWords([]), namesInWords(["a"]), namesInWords(["a", "b"]), namesInWords(["a", "b", "c"])]).toEqual([
    "",
    "a",
    "a and b",
    "a, b and c",
  ]);
});

test("a menu offers every op of the registry, but for those with an argument that only the page about it knows", () => {
  expect(ALL_OPS.filter((op) => !MENU_OPS.includes(op))).toEqual(["rollback"]);
});

test("R49: an op that wants proof asks first on one host, too; so does one that has a question, and any op on several hosts", () => {
  expect(MENU_OPS.filter((op) => asksFirst(op, 1))).toEqual(["reboot", "collect-garbage"]);
  expect(MENU_OPS.every((op) => asksFirst(op, 2))).toBe(true);
  expect([opLabel("pull"), opLabel("pull", 2), opLabel("reboot")]).toEqual(["Pull", "Pull…", "Reboot…"]);
});

test("an op and what it is done to read as one phrase", () => {
  expect([opOn("switch", "3 hosts"), opOn("test", "csb1"), opOn("collect-garbage", "csb1")]).toEqual([
    "Switch 3 hosts",
    "Run tests on csb1",
    "Collect garbage on csb1",
  ]);
});

test("a preview of what a switch would change leads to where that is shown, a comparison of generations does not", () => {
  expect(leadsToChanges(opStart("preview"))).toBe(true);
  expect(leadsToChanges(opStart("preview", { generation: 287, against: 286 }))).toBe(false);
  expect(leadsToChanges(opStart("switch"))).toBe(false);
});
