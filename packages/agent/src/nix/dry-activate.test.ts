import { readFileSync } from "node:fs";
import { UnitChanges } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { parseDryActivate } from "./dry-activate.ts";

/** In the words and the order that each of the two implementations in nixpkgs prints. */
const recorded = (name: string) => readFileSync(new URL(`fixtures/dry-activate-${name}.txt`, import.meta.url), "utf8");

test("the Perl implementation: stop, start, restart, reload; what changed and is not stopped is no change", () => {
  expect(parseDryActivate(recorded("perl"))).toEqual({
    stop: ["Mount.mount", "accounts-daemon.service", "backup.timer", "systemd-udevd.service"],
    start: ["accounts-daemon.service", "backup.timer", "systemd-udevd.service"],
    restart: ["nix-daemon.service", "sshd.service"],
    reload: ["dbus.service", "firewall.service"],
  });
});

test("the Rust implementation: the same, with what the activation script asks for besides", () => {
  expect(parseDryActivate(recorded("rust"))).toEqual({
    stop: [
      "Mount.mount",
      "accounts-daemon.service",
      "backup.timer",
      "simple-service.service",
      "socket-activated.service",
      "systemd-udevd.service",
    ],
    start: ["accounts-daemon.service", "backup.timer", "simple-service.service", "systemd-udevd.service"],
    restart: ["nix-daemon.service", "sshd.service"],
    reload: ["dbus.service", "firewall.service"],
  });
});

test("nothing to do is four empty lists; an activator that did not come so far tells nothing", () => {
  expect(parseDryActivate("would activate the configuration...\n")).toEqual({ stop: [], start: [], restart: [], reload: [] });
  expect(parseDryActivate("Could not acquire lock\n")).toBeUndefined();
  expect(parseDryActivate("")).toBeUndefined();
});

test("R50: however much a closure prints, what is read of it fits its message", () => {
  const many = Array.from({ length: 3000 }, (_, index) => `${index}${"x".repeat(300)}.service`).join(", ");
  const parsed = parseDryActivate(`would activate the configuration...\nwould start the following units: ${many}\n`);
  expect(UnitChanges.safeParse(parsed).success).toBe(true);
});
