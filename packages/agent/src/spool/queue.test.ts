import { link, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { openQueue, queuedRuns, readCancel, removeCancel } from "./daemon-entries.ts";
import { createDaemonFiles } from "./daemon-files.ts";
import { createSpoolReader } from "./event-reader.ts";
import { daemonLayout, runnerLayout } from "./layout.ts";
import { RunRequest } from "./shapes.ts";
import { setUsualUmask } from "./umask.fixture.ts";
import { parseUntrustedJson, readUntrustedJson } from "./untrusted-json.ts";

const [first, second, third] = ["1", "2", "3"].map((n) => `01jd${n.padStart(22, "0")}`) as [RunId, RunId, RunId];
const requestOf = (runId: RunId) => {
  return { runId, op: "pull", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 1 };
};

async function createQueue() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const files = createDaemonFiles(dir.path);
  await files.prepare();
  return { stateDir: dir.path, files, layout: daemonLayout(dir.path) };
}

test("what waits in the queue are the requests, oldest first: not a call for a runner, nor what is still being written", async () => {
  const { stateDir, files, layout } = await createQueue();
  await files.putRequest(requestOf(second));
  await files.putRequest(requestOf(first));
  await files.putWake();
  await writeFile(join(layout.queue, `.${second}.json.0123456789ab.tmp`), "{");
  await writeFile(join(layout.queue, "notes.txt"), "x");
  await writeFile(join(layout.queue, third), "x");
  expect(await queuedRuns(stateDir)).toEqual([first, second]);
  const { queue } = await openQueue(stateDir);
  if (queue === undefined) throw new Error("there is no queue");
  await using _queue = queue;
  expect(await queue.names()).toEqual([`${first}.json`, `${second}.json`, third, "notes.txt"]);
  expect(await files.isWakeLeft()).toBe(true);
  await queue.takeWake();
  expect(await files.isWakeLeft()).toBe(false);
});

test("what cannot simply be taken out of the queue is moved beside it whole, and a person is told of it", async () => {
  const { stateDir, layout } = await createQueue();
  const { queue } = await openQueue(stateDir);
  if (queue === undefined) throw new Error("there is no queue");
  await using _queue = queue;
  const fill = async (name: string) => {
    await mkdir(join(layout.queue, name));
    await writeFile(join(layout.queue, name, "inside"), "x");
  };
  await mkdir(join(layout.queue, "empty"));
  expect(await queue.take("empty")).toBeUndefined();
  expect(await queue.take("gone")).toBeUndefined();
  expect(await readdir(layout.queue)).toEqual([]);

  await fill("full");
  expect(await queue.take("full")).toBe('"full" could not be removed and was moved to "refused-full" beside the queue.');
  expect(await readdir(join(stateDir, "refused-full"))).toEqual(["inside"]);
  expect(await readdir(layout.queue)).toEqual([]);

  await fill("full");
  expect(await queue.take("full")).toBe('"full" can be neither removed nor moved: it stays in the queue.');
  expect(await readdir(join(layout.queue, "full"))).toEqual(["inside"]);

  // The longest name that there can be leaves room for the prefix, and is not shown whole.
  const long = "n".repeat(255);
  await fill(long);
  expect(await queue.take(long)).toContain(`"${"n".repeat(100)}" could not be removed`);
  expect(await readdir(join(stateDir, `refused-${"n".repeat(200)}`))).toEqual(["inside"]);
});

test("S2: a daemon that starts removes what a killed one was writing into the queue, and nothing else", async () => {
  const { files, layout } = await createQueue();
  await files.putRequest(requestOf(first));
  await writeFile(join(layout.queue, `.${second}.json.0123456789ab.tmp`), "{");
  for (const name of [".hidden", "x.tmp"]) await writeFile(join(layout.queue, name), "");
  await files.prepare();
  expect((await readdir(layout.queue)).sort()).toEqual([".hidden", `${first}.json`, "x.tmp"]);
});

test("S1: what the daemon leaves for a runner of another user is for the group as well, and for nobody else", async () => {
  setUsualUmask();
  const { files, layout } = await createQueue();
  await files.putRequest(requestOf(first));
  await files.askCancel(first);
  await files.writeAcknowledged({ runs: {} });
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
  for (const path of [layout.request(first), layout.cancelRequest(first), layout.acknowledged])
    expect(await modeOf(path), path).toBe(0o640);
  for (const path of [layout.queue, layout.cancel]) expect(await modeOf(path), path).toBe(0o750);
});

test("a cancel is asked for one run, says who asks where that is known, and is gone with it", async () => {
  const { stateDir, files } = await createQueue();
  await files.askCancel(first, "ada");
  await files.askCancel(third);
  expect(await readCancel(stateDir, first)).toEqual({ by: "ada" });
  expect(await readCancel(stateDir, second)).toBeUndefined();
  expect(await readCancel(stateDir, third)).toEqual({ by: null });
  await removeCancel(stateDir, second);
  expect(await readCancel(stateDir, first)).toEqual({ by: "ada" });
  await removeCancel(stateDir, first);
  expect(await readCancel(stateDir, first)).toBeUndefined();
});

test("S16: what is refused is not quoted: it can be the content of a file that was not the other side's to show", async () => {
  const schema = z.strictObject({ runId: z.string() });
  for (const text of ["hunter2 is no JSON", '{"runId":1}', '{"runId":"x","other":"hunter2"}']) {
    const read = parseUntrustedJson({ kind: "ok", bytes: Buffer.from(text) }, "/queue/x.json", schema);
    expect(read).toMatchObject({ kind: "refused", reason: expect.stringContaining("/queue/x.json") });
    expect(JSON.stringify(read)).not.toContain("hunter2");
  }
});

test("S16: why a file is refused is said in a bounded text, whatever is in it", async () => {
  const schema = z.strictObject({ runId: z.string() });
  const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key${n}`, n]));
  const read = parseUntrustedJson({ kind: "ok", bytes: Buffer.from(JSON.stringify({ runId: "x", ...keys })) }, "/x", schema);
  expect(read).toMatchObject({ kind: "refused", reason: expect.stringContaining("does not fit: ") });
  expect(read.kind === "refused" && read.reason.length).toBe("/x does not fit: ".length + 1000);
});

test("S16: a file of up to 256 KiB is read, and a larger one is refused", async () => {
  const { layout } = await createQueue();
  const path = layout.request(first);
  for (const [bytes, kind] of [
    [256 * 1024, "ok"],
    [256 * 1024 + 1, "refused"],
  ] as const) {
    await writeFile(path, JSON.stringify(requestOf(first)).padEnd(bytes));
    expect(await readUntrustedJson(path, RunRequest)).toMatchObject({ kind });
  }
});

test("S16: a file in what is no directory is missing; one behind a link that leads to itself is refused", async () => {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const schema = z.strictObject({});
  await writeFile(join(dir.path, "file"), "");
  await symlink("loop", join(dir.path, "loop"));
  const read = (path: string) => readUntrustedJson(join(dir.path, path), schema);
  for (const path of ["nowhere/x.json", "file/x.json", "file/x/x.json", "x.json"])
    expect(await read(path), path).toEqual({ kind: "missing" });
  expect(await read("loop/x.json")).toMatchObject({ kind: "refused", reason: expect.stringContaining("ELOOP") });
  await expect(read(`${"n".repeat(300)}/x.json`)).rejects.toThrow("ENAMETOOLONG");
});

test("S16: a queue that is no directory, or that is not there, holds nothing; only the first is a fault", async () => {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  expect(await openQueue(dir.path)).toEqual({ queue: undefined });
  await mkdir(join(dir.path, "other"));
  await writeFile(daemonLayout(dir.path).queue, "");
  expect(await openQueue(dir.path)).toMatchObject({ queue: undefined, fault: expect.stringContaining("Nothing is taken") });
});

test("S16: events under a second name could be a file that the runner may read and the daemon's user may not be shown", async () => {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const run = runnerLayout(dir.path).run(first);
  await mkdir(run.dir, { recursive: true });
  await writeFile(join(dir.path, "secret"), '{"seq":1,"at":1,"kind":"phase","phase":"fetch"}\n');
  await link(join(dir.path, "secret"), run.events);
  await using cursor = createSpoolReader(dir.path).openEvents(first, 0);
  expect(await cursor.read(1000)).toMatchObject({ kind: "fault", reason: expect.stringContaining("not a regular file") });
});
