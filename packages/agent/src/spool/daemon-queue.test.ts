import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openQueue, readCancel, removeCancel } from "./daemon-entries.ts";
import { createDaemonFiles, listDirectory } from "./daemon-files.ts";
import { exists } from "./exists.ts";
import { daemonLayout } from "./layout.ts";

const first = "01jd0000000000000000000001" as RunId;
const second = "01jd0000000000000000000002" as RunId;
const request = { op: "pull", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 0 };

async function createState() {
  const dir = await createTempDir();
  const files = createDaemonFiles(dir.path);
  return { dir, files, layout: daemonLayout(dir.path), [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

test("what is in the place of the cancels asks for nothing, and removing one from there fails nobody", async () => {
  await using state = await createState();
  await writeFile(state.layout.cancel, first);
  expect(await readCancel(state.dir.path, first)).toBeUndefined();
  await removeCancel(state.dir.path, first);
});

test("a call for a runner is left until one takes it, and is no request", async () => {
  await using state = await createState();
  expect(await state.files.isWakeLeft()).toBe(false);
  await state.files.prepare();
  await state.files.putWake();
  await state.files.putRequest({ ...request, runId: second });
  expect(await state.files.isWakeLeft()).toBe(true);

  const { queue } = await openQueue(state.dir.path);
  if (queue === undefined) throw new Error("there is a queue");
  await using _queue = queue;
  expect(await queue.names()).toEqual([`${second}.json`]);
  await queue.takeWake();
  expect(await state.files.isWakeLeft()).toBe(false);
  await queue.takeWake();
  expect(await readdir(state.layout.queue)).toEqual([`${second}.json`]);
  expect((await readdir(state.dir.path)).sort()).toEqual(["cancel", "queue"]);
});

test("a directory that is not there has no names; one that cannot be listed is an error", async () => {
  await using state = await createState();
  const path = join(state.dir.path, "names");
  expect(await listDirectory(path)).toEqual([]);
  await writeFile(path, "");
  await expect(listDirectory(path)).rejects.toThrow("ENOTDIR");
  await rm(path);
  await mkdir(path);
  for (const name of ["b", "a"]) await writeFile(join(path, name), "");
  expect(await listDirectory(path)).toEqual(["a", "b"]);
});

test("whether something is there is answered where that can be looked at; else it is an error", async () => {
  await using state = await createState();
  const path = join(state.dir.path, "file");
  expect(await exists(path)).toBe(false);
  await writeFile(path, "");
  expect(await exists(path)).toBe(true);
  await expect(exists(join(path, "below"))).rejects.toThrow("ENOTDIR");
});
