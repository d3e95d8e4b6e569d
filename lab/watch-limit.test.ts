import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { raiseWatchLimit, restoreWatchLimit, type WatchLimitFiles } from "./watch-limit.ts";

/** A kernel's limit, and what was said. */
async function createMachine(value: string) {
  const directory = await createTempDir("nixfleet-limit-");
  const files: WatchLimitFiles = { limit: join(directory.path, "limit"), record: join(directory.path, "record.json") };
  await writeFile(files.limit, `${value}\n`);
  const said: string[] = [];
  return {
    files,
    said,
    raise: () => raiseWatchLimit(files, (sentence) => said.push(sentence)),
    restore: () => restoreWatchLimit(files),
    limit: () => readFileSync(files.limit, "utf8").trim(),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("the limit is raised once for all labs, and put back after the last", async () => {
  await using machine = await createMachine("128");

  await machine.raise();
  await machine.raise();
  expect(machine.limit()).toBe("4096");
  expect(machine.said).toHaveLength(1);

  await machine.restore();
  expect(machine.limit()).toBe("128");
  expect(existsSync(machine.files.record)).toBe(false);
});

test("a limit that is high enough, or that somebody else has set since, is left alone", async () => {
  await using high = await createMachine("8192");
  await high.raise();
  await high.restore();
  expect(high.limit()).toBe("8192");

  await using changed = await createMachine("128");
  await changed.raise();
  await writeFile(changed.files.limit, "65536");
  await changed.restore();
  expect(changed.limit()).toBe("65536");
});
