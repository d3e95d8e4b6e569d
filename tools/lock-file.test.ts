import { globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface LockFile {
  readonly packages: Readonly<Record<string, Manifest>>;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(resolve(root, path), "utf8"));
}

const named = ({ dependencies = {}, devDependencies = {} }: Manifest) => ({ dependencies, devDependencies });

test("package-lock.json pins exactly what every package.json asks for", () => {
  const lock = readJson("package-lock.json") as LockFile;
  const { workspaces = [] } = readJson("package.json") as Manifest;
  const manifests = [
    "package.json",
    ...globSync(
      workspaces.map((folder) => `${folder}/package.json`),
      { cwd: root },
    ),
  ];

  const locked = manifests.map((path) => [path, named(lock.packages[dirname(path).replace(/^\.$/, "")] ?? {})]);
  const asked = manifests.map((path) => [path, named(readJson(path) as Manifest)]);

  expect(manifests.length).toBeGreaterThan(1);
  expect(Object.fromEntries(locked)).toEqual(Object.fromEntries(asked));
});
