import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readReached } from "./reach.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-reach-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A program that reaches a part, after it has run another one or said that it runs a test file. */
function writeProgram(folder: string, name: string, statements: string): string {
  const path = join(folder, name);
  const recorder = JSON.stringify(join(import.meta.dirname, "reach.ts"));
  const imports = `import { execFileSync } from "node:child_process"; import { enterTestFile, reach } from ${recorder};`;
  writeFileSync(path, `${imports} ${statements}`);
  return path;
}

test("a part that a program reaches is reached by the test file that started it, also through another program", () => {
  const programs = temporaryFolder();
  const folder = temporaryFolder();
  const place = JSON.stringify(folder);
  const inner = writeProgram(programs, "inner.ts", `reach(${place}, 2);`);
  const runInner = `execFileSync(process.execPath, [${JSON.stringify(inner)}]);`;
  const outer = writeProgram(programs, "outer.ts", runInner);
  const worker = writeProgram(
    programs,
    "worker.ts",
    `enterTestFile(${place}, "/a/b.test.ts"); reach(${place}, 1);
     execFileSync(process.execPath, [${JSON.stringify(outer)}]);
     enterTestFile(${place}, "/a/c.test.ts"); reach(${place}, 1); reach(${place}, 3); reach(${place}, 3);`,
  );
  execFileSync(process.execPath, [worker]);
  expect(readReached(folder)).toEqual({
    by: new Map([
      ["/a/b.test.ts", new Set([1, 2])],
      ["/a/c.test.ts", new Set([1, 3])],
    ]),
    unknown: new Set(),
  });
});

test("what a program reaches that no test file is known to have started, any may have reached", () => {
  const folder = temporaryFolder();
  const program = writeProgram(temporaryFolder(), "alone.ts", `reach(${JSON.stringify(folder)}, 7);`);
  execFileSync(process.execPath, [program]);
  expect(readReached(folder)).toEqual({ by: new Map(), unknown: new Set([7]) });
});
