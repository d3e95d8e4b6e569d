import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { listDirectory } from "../spool/daemon-files.ts";

/** How long a script may take that does not say so itself, in milliseconds. */
export const DEFAULT_TEST_TIMEOUT = 120_000;
const MAX_TEST_TIMEOUT = 3_600_000;

export interface TestScript {
  /** Its file name. */
  name: string;
  path: string;
  /** Milliseconds. */
  timeout: number;
}

/** Where a host's own tests are, beside the flake. */
export function testDirectory(flakeDir: string, hostname: string): string {
  return join(flakeDir, "hosts", hostname, "tests");
}

/** The tests of a host, `hosts/<host>/tests/T*.sh`, in the order of their names. */
export async function listTestScripts(flakeDir: string, hostname: string): Promise<TestScript[]> {
  const directory = testDirectory(flakeDir, hostname);
  const scripts: TestScript[] = [];
  for (const name of await listDirectory(directory)) {
    if (!/^T.*\.sh$/.test(name)) continue;
    const path = join(directory, name);
    if (!(await lstat(path)).isFile()) continue;
    scripts.push({ name, path, timeout: readTimeout(await readFile(path, "utf8")) });
  }
  return scripts;
}

/** A line `# timeout: <seconds>` among the first ten of a script. */
export function readTimeout(script: string): number {
  for (const line of script.split("\n", 10)) {
    const seconds = /^#\s*timeout:\s*(\d{1,5})\s*s?\s*$/i.exec(line)?.[1];
    if (seconds !== undefined) return Math.min(Math.max(Number(seconds), 1) * 1000, MAX_TEST_TIMEOUT);
  }
  return DEFAULT_TEST_TIMEOUT;
}
