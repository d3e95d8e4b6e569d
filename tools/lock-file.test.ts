import { globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(resolve(root, path), "utf8")) as T;
}

const named = ({ dependencies = {}, devDependencies = {} }: Manifest) => ({ dependencies, devDependencies });

test("package-lock.json pins exactly what every package.json asks for", () => {
  const lock = readJson<{ packages: Record<string, Manifest> }>("package-lock.json");
  const { workspaces = [] } = readJson<Manifest>("package.json");
  const manifests = [
    "package.json",
    ...globSync(
      workspaces.map((folder) => `${folder}/package.json`),
      { cwd: root },
    ),
  ];

  const locked = manifests.map((path) => [path, named(lock.packages[dirname(path).replace(/^\.$/, "")] ?? {})]);
  const asked = manifests.map((path) => [path, named(readJson<Manifest>(path))]);

  expect(manifests.length).toBeGreaterThan(1);
  expect(Object.fromEntries(locked)).toEqual(Object.fromEntries(asked));
});
