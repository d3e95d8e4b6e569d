/**
 * Records which test file reaches which part of the code, also in programs that a test starts: instrumented files call `reach`.
 * What is reached is an empty file named by the part's number, in a folder of the test file's.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Folder for parts that a program reached of which it is not known which test file started it. */
const UNKNOWN = "unknown";

/** The test file that this process runs, once for all copies of this module in it (vitest may load several). */
const shared = globalThis as { [PLACE]?: string };
const PLACE = Symbol.for("nixfleet.reach");

/** From now on what this process and the programs that it starts reach is reached by this test file. */
export function enterTestFile(folder: string, testFile: string): void {
  const place = join(folder, encodeURIComponent(testFile));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(folder, `process-${process.pid}`), place);
  shared[PLACE] = place;
}

const recorded = new Set<string>();

export function reach(folder: string, part: number): void {
  const place = shared[PLACE] ?? placeOfParents(folder);
  shared[PLACE] = place;
  const mark = join(place, String(part));
  if (recorded.has(mark)) return;
  recorded.add(mark);
  mkdirSync(place, { recursive: true });
  closeSync(openSync(mark, "a"));
}

/** The test file of the nearest process above that runs one. */
function placeOfParents(folder: string): string {
  for (let pid = process.pid; pid > 1; pid = parentOf(pid)) {
    const file = join(folder, `process-${pid}`);
    if (existsSync(file)) return readFileSync(file, "utf8");
  }
  return join(folder, UNKNOWN);
}

/** By proc(5). 0 where there is none, or the process is gone. */
function parentOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(status, "utf8"))?.[1] ?? 0);
}

/** Numbers of the parts that each test file reached, and of those that something else did. */
export interface Reached {
  readonly by: ReadonlyMap<string, ReadonlySet<number>>;
  readonly unknown: ReadonlySet<number>;
}

export function readReached(folder: string): Reached {
  const parts = (name: string) => new Set(readdirSync(join(folder, name)).map(Number));
  const places = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = places.map(({ name }) => name).filter((name) => name !== UNKNOWN);
  return {
    by: new Map(files.map((name) => [decodeURIComponent(name), parts(name)])),
    unknown: existsSync(join(folder, UNKNOWN)) ? parts(UNKNOWN) : new Set(),
  };
}
