import type { HostRow } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { afterSwitch, lastingSpecialisations } from "./specialisation-words.ts";

const lasts = (name: string) => expect.stringMatching(new RegExp(`^It runs until the next boot.* chooses ${name} in`));

test.for([
  ["none runs and none is asked for", { answer: undefined, running: null, next: undefined }, { leaves: null, lasts: null }],
  ["the one that runs is kept", { answer: undefined, running: "x", next: "x" }, { leaves: null, lasts: lasts("x") }],
  ["one is asked for", { answer: "y", running: null, next: undefined }, { leaves: null, lasts: lasts("y") }],
  ["the one that runs is asked for", { answer: "x", running: "x", next: undefined }, { leaves: null, lasts: lasts("x") }],
  [
    "without a preview it is not known",
    { answer: undefined, running: "x", next: undefined },
    {
      leaves: null,
      lasts: expect.stringMatching(/^Kept if the new configuration has it too; otherwise the switch leaves it\. It runs/),
    },
  ],
  [
    "the preview has none of that name",
    { answer: undefined, running: "x", next: null },
    { leaves: "The new configuration has no specialisation x: the switch leaves it.", lasts: null },
  ],
  [
    "none is asked for",
    { answer: null, running: "x", next: "x" },
    { leaves: "The switch leaves the specialisation x.", lasts: null },
  ],
  [
    "another one is asked for",
    { answer: "y", running: "x", next: "x" },
    { leaves: "The switch leaves the specialisation x.", lasts: lasts("y") },
  ],
] as const)("R17: what a switch does to a specialisation is said before it: %s", ([, of, said]) => {
  expect(afterSwitch({ platform: "nixos", ...of })).toEqual(said);
});

test("R17: no boot takes a home out of its specialisation, and a switch by hand does", () => {
  expect(afterSwitch({ platform: "home-manager", answer: "x", running: null, next: undefined }).lasts).toMatch(
    /^It runs until somebody switches by hand/,
  );
});

const host = (name: string, specialisation: string | null) => ({ name, runs: { specialisation } as HostRow["runs"] });
const a = host("a", "x");
const b = host("b", null);
const c = host("c", "y");

test("R17: what an op on hosts does to the specialisations that they run is said before it, by name, where nobody is asked", () => {
  expect(lastingSpecialisations({ op: "reboot", args: {} }, [a])).toMatch(
    /^x: the reboot starts the configuration itself, .* it in/,
  );
  expect(lastingSpecialisations({ op: "reboot", args: {} }, [a, b, c])).toMatch(/^a \(x\) and c \(y\): .* them in/);
  expect(lastingSpecialisations({ op: "switch", args: {} }, [a, b])).toMatch(
    /^a \(x\): kept if .*; otherwise the switch leaves it\.$/,
  );
  expect(lastingSpecialisations({ op: "switch", args: { mode: "boot" } }, [a, b])).toMatch(/kept until the next boot/);
  // One host is asked.
  expect(lastingSpecialisations({ op: "switch", args: {} }, [a])).toBeNull();
  expect([
    lastingSpecialisations({ op: "reboot", args: {} }, [b]),
    lastingSpecialisations({ op: "pull", args: {} }, [a, c]),
  ]).toEqual([null, null]);
});
