import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { followInside } from "./follow-inside.ts";

/** How long a script may take that does not say so itself, in milliseconds. */
export const DEFAULT_TEST_TIMEOUT = 120_000;
const MAX_TEST_TIMEOUT = 3_600_000;

export type TestScript = {
  /** Its file name. */
  name: string;
} & (
  | {
      kind: "script";
      path: string;
      /** Milliseconds. */
      timeout: number;
    }
  /** It counts, and fails. `reason`: a sentence without a full stop. */
  | { kind: "unusable"; reason: string }
);

/** Where a host's own tests are in the config repository, folder by folder: beside the flake. */
const foldersOf = (flakeDir: string, hostname: string) => [
  ...flakeDir.split("/").filter((name) => name !== ""),
  "hosts",
  hostname,
  "tests",
];

/**
 * The tests of a host, `hosts/<host>/tests/T*.sh` beside the flake, in the order of their names. Links are followed inside of the clone, and nowhere
 * else: one that leads out of it or nowhere is a test that cannot be run, and a folder of that kind another.
 */
export async function listTestScripts(
  { clone, flakeDir }: { clone: string; flakeDir: string },
  hostname: string,
): Promise<TestScript[]> {
  const folders = foldersOf(flakeDir, hostname);
  for (const index of folders.keys()) {
    const name = folders.slice(0, index + 1).join("/");
    const found = await followInside(clone, join(clone, name));
    if (found.kind === "missing") return [];
    if (found.kind === "refused") return [{ name, kind: "unusable", reason: `${name} ${found.reason}` }];
    if (!(await lstat(found.path)).isDirectory()) return [{ name, kind: "unusable", reason: `${name} is not a folder` }];
  }
  const directory = join(clone, ...folders);
  const names = (await readdir(directory)).filter((name) => /^T.*\.sh$/.test(name));
  return Promise.all(names.sort().map((name) => inspectScript(clone, directory, name)));
}

async function inspectScript(cloneDir: string, directory: string, name: string): Promise<TestScript> {
  const path = join(directory, name);
  const found = await followInside(cloneDir, path);
  if (found.kind === "missing") return { name, kind: "unusable", reason: `${name} is gone` };
  if (found.kind === "refused") return { name, kind: "unusable", reason: `${name} ${found.reason}` };
  if (!(await lstat(found.path)).isFile()) return { name, kind: "unusable", reason: `${name} is not a file` };
  return { name, kind: "script", path, timeout: readTimeout(await readBeginning(found.path)) };
}

/** Bytes in which a script says how long it may take. Whoever may push to the repository decides how large a script is. */
const BEGINNING = 4096;

async function readBeginning(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING), 0, BEGINNING, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A line `# timeout: <seconds>` among the first ten of a script. */
export function readTimeout(script: string): number {
  for (const line of script.slice(0, BEGINNING).split("\n", 10)) {
    const seconds = /^#\s*timeout:\s*(\d{1,5})(?:\s*s)?$/i.exec(line.trimEnd())?.[1];
    if (seconds !== undefined) return Math.min(Math.max(Number(seconds), 1) * 1000, MAX_TEST_TIMEOUT);
  }
  return DEFAULT_TEST_TIMEOUT;
}
