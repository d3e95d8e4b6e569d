import { Outcome } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { decideActivation, type GuardReading, withFinish } from "./guards.ts";

const MIB = 1024 * 1024;
const fine: GuardReading = {
  agent: { running: true, next: true },
  disks: [
    { path: "/", free: 64 * MIB },
    { path: "/nix/store", free: 900 * MIB },
  ],
  boot: { place: "/efi", needed: 40 * MIB, free: 40 * MIB },
  inhibitors: [],
  other: undefined,
  lockOut: { risks: [], unclear: [] },
};
const unforced = (mode: "switch" | "boot" | "test") => ({ mode, force: false });
const forced = (mode: "switch" | "boot" | "test") => ({ mode, force: true });

test.for(["switch", "boot", "test"] as const)("with all that it needs, mode %s stays as it was asked for", (mode) => {
  expect(decideActivation(fine, unforced(mode))).toEqual({ kind: "passed", mode });
});

test.for([
  ["another activation", { other: "process 7 holds the lock" }, "activation-in-progress", "process 7 holds the lock"],
  ["no agent in the new closure", { agent: { running: true, next: false } }, "agent-missing", "does not"],
  ["a full root", { disks: [{ path: "/", free: 64 * MIB - 1 }] }, "disk-too-full", "/ has 64 MiB free"],
  ["a full store", { disks: [{ path: "/nix/store", free: 0 }] }, "disk-too-full", "/nix/store has 0 MiB free"],
  [
    "a full boot partition",
    { boot: { place: "/efi", needed: 41 * MIB, free: 40 * MIB } },
    "disk-too-full",
    "at /efi has 40 MiB free, kernel and initrd need 41 MiB",
  ],
] as const)("%s refuses", ([, change, code, words]) => {
  const verdict = decideActivation({ ...fine, ...(change as Partial<GuardReading>) }, unforced("switch"));
  expect(verdict).toMatchObject({ kind: "refused", outcome: { state: "refused", code, reason: expect.stringContaining(words) } });
  if (verdict.kind === "refused") expect(Outcome.safeParse(verdict.outcome).success).toBe(true);
});

test("R83: what takes ways into the host away is refused with the name of each, whatever the mode, and can be forced", () => {
  const lockOut = { risks: ["sshd is switched off.", "The host is named b, and no longer a."], unclear: [] };
  for (const mode of ["switch", "boot", "test"] as const) {
    expect(decideActivation({ ...fine, lockOut }, unforced(mode))).toMatchObject({
      kind: "refused",
      outcome: {
        code: "would-lock-out",
        reason: expect.stringMatching(/sshd is switched off\. The host is named b, and no longer a\.$/),
      },
    });
    expect(decideActivation({ ...fine, lockOut }, forced(mode)).kind).toBe("passed");
  }
});

test("R83: what cannot be told refuses nothing", () => {
  const lockOut = { risks: [], unclear: ["sshd has another AllowGroups: ssh."] };
  expect(decideActivation({ ...fine, lockOut }, unforced("switch")).kind).toBe("passed");
});

test("force skips the missing agent and lost ways in, and nothing else", () => {
  expect(decideActivation({ ...fine, agent: { running: true, next: false } }, forced("switch")).kind).toBe("passed");
  expect(decideActivation({ ...fine, other: "x" }, forced("switch")).kind).toBe("refused");
  expect(decideActivation({ ...fine, disks: [{ path: "/", free: 0 }] }, forced("switch")).kind).toBe("refused");
});

test("an agent that no configuration installs is missed by none", () => {
  expect(decideActivation({ ...fine, agent: { running: false, next: false } }, unforced("switch")).kind).toBe("passed");
});

test("a trial copies nothing to the boot partition; without one of its own there is nothing to ask", () => {
  expect(decideActivation({ ...fine, boot: { place: "/efi", needed: 2, free: 1 } }, unforced("test")).kind).toBe("passed");
  expect(decideActivation({ ...fine, boot: undefined }, unforced("boot")).kind).toBe("passed");
});

test("switch inhibitors turn a switch into a boot that is to be finished by a reboot; a trial is refused, a boot is none of theirs", () => {
  const inhibited = { ...fine, inhibitors: ["dbus-implementation", "systemd"] };
  const verdict = decideActivation(inhibited, unforced("switch"));
  expect(verdict).toMatchObject({ kind: "passed", mode: "boot", finish: expect.stringMatching(/reboot to finish\.$/) });
  expect(verdict).toMatchObject({ warning: expect.stringContaining("dbus-implementation, systemd") });
  expect(decideActivation(inhibited, unforced("boot"))).toEqual({ kind: "passed", mode: "boot" });
  expect(decideActivation(inhibited, forced("test"))).toMatchObject({ kind: "refused", outcome: { code: "arguments-invalid" } });
});

test("only what went well says what is left to do", () => {
  expect(withFinish({ state: "succeeded" }, "Reboot.")).toEqual({ state: "succeeded", reason: "Reboot." });
  expect(withFinish({ state: "succeeded" }, undefined)).toEqual({ state: "succeeded" });
  const failed: Outcome = { state: "cancelled", reason: "Stopped." };
  expect(withFinish(failed, "Reboot.")).toBe(failed);
});
