import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { readUndoOutput } from "./undo.ts";

test("of an undo's output the last 256 KiB are read; where there is none, it is empty", async () => {
  await using dir = await createTempDir();
  const undoOutput = join(dir.path, "undo.log");
  expect(await readUndoOutput({ undoOutput })).toBe("");
  await writeFile(undoOutput, "first\nlast\n");
  expect(await readUndoOutput({ undoOutput })).toBe("first\nlast\n");
  await writeFile(undoOutput, `${"x".repeat(10)}${"y".repeat(256 * 1024 - 5)}last\n`);
  expect(await readUndoOutput({ undoOutput })).toBe(`${"y".repeat(256 * 1024 - 5)}last\n`);
});

test("an output that cannot be read is an error", async () => {
  await using dir = await createTempDir();
  const undoOutput = join(dir.path, "undo.log");
  await mkdir(undoOutput);
  await expect(readUndoOutput({ undoOutput })).rejects.toThrow("EISDIR");
});
