import type { HostId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { hostRow, idOf } from "../dev/host-rows.ts";
import { ALL_OPS, denialOf, namesInWords, opStart, splitByDenial } from "./requests.ts";

test("an op that can wait is asked to wait, one that cannot is refused", () => {
  expect(opStart("pull").whenBlocked).toBe("queue");
  expect(opStart("refresh").whenBlocked).toBe("refuse");
});

test("a role that is too low is told so for every op, before it presses", () => {
  for (const op of ALL_OPS) expect(denialOf(hostRow(), op, "viewer")).toBe("Your role may not start this op.");
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
