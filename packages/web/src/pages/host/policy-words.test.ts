import { type HostPolicy, OpName } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { policyWords, windowWords } from "./policy-words.ts";

const words = (policy: Partial<HostPolicy>) =>
  policyWords({ allowedOps: [...OpName.options], allowRewind: false, signed: false, confirmTimeout: 120, ...policy }).map(
    (fact) => fact.join(": ").replaceAll("\u00a0", " "),
  );

test("a host without restrictions says so", () => {
  expect(words({})).toEqual([
    "Allows: every op",
    "Accepts: any commit on its branch",
    "Dead-man switch: rolls back unless confirmed within 2 min",
  ]);
});

test("R56: restrictions of a host are named: ops, unsigned commits, older commits, and no rollback", () => {
  const allowedOps = OpName.options.filter((op) => op !== "reboot" && op !== "collect-garbage");
  expect(words({ allowedOps, signed: true, allowRewind: true, confirmTimeout: 0 })).toEqual([
    "Allows: everything except reboot and collect garbage",
    "Accepts: signed commits only, older ones if forced",
    "Dead-man switch: off: no automatic rollback",
  ]);
});

test("the confirm window is in whole minutes if it has no seconds", () => {
  expect([windowWords(45), windowWords(90), windowWords(3540)].map((text) => text.replaceAll("\u00a0", " "))).toEqual([
    "45 s",
    "1 min 30 s",
    "59 min",
  ]);
});
