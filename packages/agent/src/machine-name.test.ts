import { expect, test } from "vitest";
import { machineName, type NameSource } from "./machine-name.ts";

const source = (os: NodeJS.Platform, local: string | undefined): NameSource => ({
  os,
  hostname: () => "dhcp-17.guest.example.net",
  scutil: () => local,
});

test("R75: a Mac's name is its LocalHostName, and not what DHCP calls it", () => {
  expect(machineName(source("darwin", "Adas-Mac\n"))).toBe("Adas-Mac");
});

test("where there is no LocalHostName, and elsewhere, it is the host name without its domain", () => {
  expect(machineName(source("darwin", undefined))).toBe("dhcp-17");
  expect(machineName(source("darwin", "\n"))).toBe("dhcp-17");
  expect(machineName(source("linux", "Adas-Mac"))).toBe("dhcp-17");
});

test("this machine has a name", () => {
  expect(machineName()).toMatch(/^[^.\s]+$/);
});
