import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { appendFile, link, mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createCountingDisk } from "./counting-disk.fixture.ts";
import { createSpoolReader } from "./event-reader.ts";
import { runnerLayout } from "./layout.ts";

const runId = "01jd0000000000000000000001" as RunId;
const MiB = 1024 * 1024;

/** Line `seq` of a spool, with its end. */
const lineOf = (seq: number, message = "x") => `${JSON.stringify({ seq, at: 1, kind: "warning", message })}\n`;
/** A line of about a mebibyte, the longest that an event can have. */
const longLineOf = (seq: number) => {
  const lines = Array.from({ length: 20 }, () => ({ at: 1, stream: "build", text: "x".repeat(52_000) }));
  return `${JSON.stringify({ seq, at: 1, kind: "log", lines })}\n`;
};
/** A line of exactly so many bytes. */
const lineOfBytes = (seq: number, bytes: number) => lineOf(seq, "x".repeat(bytes - lineOf(seq, "").length));

async function createRun() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const run = runnerLayout(dir.path).run(runId);
  await mkdir(run.dir, { recursive: true });
  const { disk, leftOpen } = createCountingDisk();
  return { dir, run, reader: createSpoolReader(dir.path, disk), leftOpen };
}

test("a reader gets as many whole events as fit to the last byte, and at least one", async () => {
  const { run, reader } = await createRun();
  await writeFile(run.events, lineOfBytes(1, 100) + lineOfBytes(2, 100) + lineOfBytes(3, 100));
  for (const [bytes, seqs] of [
    [1, [1]],
    [199, [1]],
    [200, [1, 2]],
    [299, [1, 2]],
    [300, [1, 2, 3]],
  ] as const) {
    await using cursor = reader.openEvents(runId, 0);
    expect(await cursor.read(bytes), `${bytes}`).toMatchObject({ kind: "events", events: seqs.map((seq) => ({ seq })) });
    const left = [1, 2, 3].slice(seqs.length).map((seq) => ({ seq }));
    expect(await cursor.read(300), `after ${bytes}`).toMatchObject({ kind: "events", events: left });
  }
});

test("S6: an event of up to a mebibyte is read whole, however little of it is in the first piece of the file", async () => {
  const { run, reader } = await createRun();
  await writeFile(run.events, lineOf(1) + longLineOf(2) + lineOf(3));
  await using cursor = reader.openEvents(runId, 0);
  const seqs: number[] = [];
  for (let n = 0; n < 3; n++) {
    const read = await cursor.read(1);
    if (read.kind === "events") seqs.push(...read.events.map(({ seq }) => seq));
  }
  expect(seqs).toEqual([1, 2, 3]);
});

test("the last seq is that of the last whole event, however long it is and however much of a torn one is behind it", async () => {
  const { run, reader, leftOpen } = await createRun();
  const contents: [string, number][] = [
    ["", 0],
    ["{", 0],
    [lineOf(1), 1],
    [lineOf(1) + lineOf(2), 2],
    [`${lineOf(1)}{"seq":2`, 1],
    [longLineOf(1), 1],
    [lineOf(1) + longLineOf(2), 2],
    [lineOf(1) + lineOf(2) + "x".repeat(MiB - 1), 2],
    [longLineOf(1) + longLineOf(2) + "x".repeat(MiB - 1), 2],
    [Array.from({ length: 6 }, (_, n) => longLineOf(n + 1)).join("") + lineOf(7), 7],
    [`${lineOf(1)}nothing of a runner\n`, 0],
    ["\n", 0],
  ];
  for (const [content, seq] of contents) {
    await writeFile(run.events, content);
    expect(await reader.lastSeq(runId), `${content.slice(0, 60)}… of ${content.length}`).toBe(seq);
  }
  await truncate(run.events, 2 ** 40);
  expect(await reader.lastSeq(runId)).toBe(0);
  expect(leftOpen()).toBe(0);
});

test("S16: what is no file of the runner's is refused, is not left open, and is looked at again: the next may be one", async () => {
  const { dir, run, reader, leftOpen } = await createRun();
  await writeFile(join(dir.path, "other"), lineOf(1));
  const kinds: Record<string, () => Promise<unknown>> = {
    "a symbolic link": () => symlink(join(dir.path, "other"), run.events),
    "a second name": () => link(join(dir.path, "other"), run.events),
    "a pipe": async () => execFileSync("mkfifo", [run.events]),
    "a directory": () => mkdir(run.events),
    "a socket": async () => {
      const server = createServer();
      onTestFinished(() => void server.close());
      // A short path: those of sockets are bounded (unix(7)).
      await new Promise<void>((resolve) => server.listen(run.events, resolve));
    },
  };
  for (const [kind, make] of Object.entries(kinds)) {
    await make();
    expect(await reader.lastSeq(runId), kind).toBe(0);
    await using cursor = reader.openEvents(runId, 0);
    expect(await cursor.read(1000), kind).toMatchObject({ kind: "fault", reason: expect.stringContaining("not a regular file") });
    await rm(run.events, { recursive: true });
    await writeFile(run.events, lineOf(1));
    expect(await cursor.read(1000), kind).toMatchObject({ kind: "events", events: [{ seq: 1 }] });
    rmSync(run.events);
  }
  expect(leftOpen()).toBe(0);
});

test("a spool that is not there yet has no events, and they are found once it is", async () => {
  const { dir, run, reader } = await createRun();
  await using cursor = reader.openEvents(runId, 0);
  expect(await cursor.read(1000)).toEqual({ kind: "events", events: [] });
  await writeFile(run.events, lineOf(1));
  expect(await cursor.read(1000)).toMatchObject({ events: [{ seq: 1 }] });
  await appendFile(run.events, lineOf(2));
  expect(await cursor.read(1000)).toMatchObject({ events: [{ seq: 2 }] });

  const other = "01jd0000000000000000000002" as RunId;
  await writeFile(runnerLayout(dir.path).run(other).dir, "");
  await using none = reader.openEvents(other, 0);
  expect(await none.read(1000)).toEqual({ kind: "events", events: [] });
});
