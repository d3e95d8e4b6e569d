import { spawnSync } from "node:child_process";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readStranger, writeAtomic } from "./atomic-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomic-file-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a file is replaced as a whole, with its mode, and nothing else is left in its directory", async () => {
  const path = join(folder, "outcome.json");
  await writeAtomic(path, "old");
  await writeAtomic(path, "new", { mode: 0o644 });
  expect(await readFile(path, "utf8")).toBe("new");
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect(await readdir(folder)).toEqual(["outcome.json"]);
});

test("a writing that fails leaves the old content and no temporary file", async () => {
  const path = join(folder, "taken");
  await mkdir(path); // a file cannot be renamed over a directory
  await expect(writeAtomic(path, "new")).rejects.toThrow("EISDIR");
  expect(await readdir(folder)).toEqual(["taken"]);
});

test("a reader never sees part of a file that is written again and again", async () => {
  const path = join(folder, "facts.json");
  const contents = ["a", "b"].map((letter) => letter.repeat(200_000));
  await writeAtomic(path, contents[0] ?? "");
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 30; i++) await writeAtomic(path, contents[i % 2] ?? "");
    writing = false;
  })();
  while (writing) {
    const read = await readStranger(path, 300_000);
    expect(read.kind === "ok" && contents.includes(read.bytes.toString())).toBe(true);
  }
  await writer;
});

test("a stranger's file is read up to the bound, and not beyond", async () => {
  const path = join(folder, "request.json");
  await writeFile(path, "12345");
  expect(await readStranger(path, 5)).toEqual({ kind: "ok", bytes: Buffer.from("12345") });
  expect(await readStranger(path, 4)).toMatchObject({ kind: "refused", reason: "too-large" });
  // A file of the kernel says size 0 and has content all the same: the bound holds by what is read.
  expect(await readStranger("/proc/self/maps", 10)).toMatchObject({ kind: "refused", reason: "too-large" });
});

test("a file of another user than the one asked for is refused", async () => {
  const path = join(folder, "request.json");
  await writeFile(path, "12345");
  const { uid } = await stat(path);
  expect(await readStranger(path, 5, { owner: uid })).toMatchObject({ kind: "ok" });
  expect(await readStranger(path, 5, { owner: uid + 1 })).toMatchObject({ kind: "refused", reason: "foreign" });
});

test("a missing file is missing, also where its directory is a file", async () => {
  await writeFile(join(folder, "file"), "");
  expect(await readStranger(join(folder, "none"), 10)).toEqual({ kind: "missing" });
  expect(await readStranger(join(folder, "file", "below"), 10)).toEqual({ kind: "missing" });
});

test("a stranger's link, hard link, directory and pipe are refused, and the pipe does not block", async () => {
  await writeFile(join(folder, "secret"), "secret");
  await symlink(join(folder, "secret"), join(folder, "symbolic"));
  await link(join(folder, "secret"), join(folder, "hard"));
  await mkdir(join(folder, "directory"));
  expect(spawnSync("mkfifo", [join(folder, "pipe")]).status).toBe(0);
  for (const name of ["symbolic", "hard", "directory", "pipe"]) {
    expect(await readStranger(join(folder, name), 100)).toMatchObject({ kind: "refused", reason: "not-a-regular-file" });
  }
});
