import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bumpVersion, chooseUpdate, formatVersions, type PackageSet } from "./versions.ts";

const shipped = JSON.parse(readFileSync(new URL("../nixpkgs/versions.json", import.meta.url), "utf8")) as PackageSet;
const hosts = ["web1", "db1", "laptop"].map(
  (name) =>
    JSON.parse(readFileSync(new URL(`../config-repo/hosts/${name}/host.json`, import.meta.url), "utf8")) as {
      packages: string[];
      units?: Record<string, string>;
    },
);

test.each([
  ["1.28.0", "1.28.1"],
  ["9.1.1869", "9.1.1870"],
  ["2.40-66", "2.40-67"],
  ["3.5a", "3.6a"],
  ["10.2p1", "10.2p2"],
  ["145.0", "145.1"],
])("after %s comes %s", (version, next) => {
  expect(bumpVersion(version)).toBe(next);
});

test("the package set is complete: whatever a package needs, and whatever a host has, is in it", () => {
  const wanted = [
    ...Object.values(shipped).flatMap(({ needs }) => needs),
    ...hosts.flatMap(({ packages, units = {} }) => [...packages, ...Object.values(units)]),
  ];
  expect(wanted.filter((name) => shipped[name] === undefined)).toEqual([]);
  expect(JSON.parse(formatVersions(shipped))).toEqual(shipped);
});

test("every update has something for each host, and changes from one to the next", () => {
  const needed = (name: string): string[] => [name, ...(shipped[name]?.needs ?? []).flatMap(needed)];
  for (let n = 0; n < 12; n++) {
    const update = chooseUpdate(n);
    expect(update.filter((name) => shipped[name] === undefined)).toEqual([]);
    for (const { packages } of hosts) expect(packages.flatMap(needed).some((name) => update.includes(name))).toBe(true);
    expect(update).not.toEqual(chooseUpdate(n + 1));
  }
});
