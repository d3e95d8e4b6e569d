import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Disk, makeDirectory, syncDirectory, writeAtomic } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createFaultyDisk, type FaultyDisk } from "./faulty-disk.ts";
import type { Survival } from "./power-loss.ts";
import { createTempDir } from "./temp-dir.ts";

/** A file as it is found after a power loss now; undefined: it is not there. */
async function found(disk: FaultyDisk, name: string, survival: Survival = "lost", at = disk.operations.length) {
  await using dir = await disk.afterPowerLoss(at, () => survival);
  try {
    return await readFile(join(dir.path, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function put(disk: Disk, path: string, text: string, flush: "flushed" | "not flushed"): Promise<void> {
  const file = await disk.open(path, "w", 0o600);
  await file.writeFile(text);
  if (flush === "flushed") await file.sync();
  await file.close();
}

test("the faulty disk keeps content that was flushed under a name that was flushed, and promises nothing else", async () => {
  await using dir = await createTempDir();
  await writeFile(join(dir.path, "before"), "there before");
  const disk = createFaultyDisk(dir.path);
  await put(disk, join(dir.path, "a"), "content", "flushed");
  expect(await found(disk, "before")).toBe("there before");
  expect(await found(disk, "a")).toBeUndefined();
  expect(await found(disk, "a", "kept")).toBe("content");
  await syncDirectory(dir.path, disk);
  expect(await found(disk, "a")).toBe("content");

  await put(disk, join(dir.path, "b"), "content", "not flushed");
  await syncDirectory(dir.path, disk);
  const survivals = ["lost", "kept", "torn", "zeroed"] as const;
  expect(await Promise.all(survivals.map((survival) => found(disk, "b", survival)))).toEqual([
    "",
    "content",
    "con",
    "\0".repeat(7),
  ]);

  await disk.rename(join(dir.path, "a"), join(dir.path, "b"));
  expect([await found(disk, "a"), await found(disk, "b")]).toEqual(["content", ""]);
  await syncDirectory(dir.path, disk);
  expect([await found(disk, "a"), await found(disk, "b")]).toEqual([undefined, "content"]);
  await disk.rm(join(dir.path, "b"), { force: true });
  expect([await found(disk, "b"), await found(disk, "b", "kept")]).toEqual(["content", undefined]);
});

test("the faulty disk fails an operation when it is told to, and does half of a write", async () => {
  await using dir = await createTempDir();
  const disk = createFaultyDisk(dir.path);
  disk.failWhen(({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
  await expect(put(disk, join(dir.path, "a"), "content", "flushed")).rejects.toThrow("ENOSPC");
  expect(await readFile(join(dir.path, "a"), "utf8")).toBe("con");
  disk.failWhen(({ kind }) => (kind === "sync-directory" ? "EIO" : undefined));
  await expect(syncDirectory(dir.path, disk)).rejects.toThrow("EIO");
});

test("S2: whenever the power goes, a file that is replaced is the old one or the new one, and the new one once that is promised", async () => {
  await using dir = await createTempDir();
  const path = join(dir.path, "outcome.json");
  await writeFile(path, "old");
  const disk = createFaultyDisk(dir.path);
  await writeAtomic(path, "new", { disk });
  for (const survival of ["lost", "kept", "torn", "zeroed"] as const) {
    for (let at = 0; at < disk.operations.length; at++) {
      expect(["old", "new"], `${survival} at ${at}`).toContain(await found(disk, "outcome.json", survival, at));
    }
    expect(await found(disk, "outcome.json", survival)).toBe("new");
  }
});

test.each(["create", "write", "sync-file", "rename"] as const)(
  "S2: a file whose replacement fails at its %s keeps its content, and nothing is left beside it",
  async (kind) => {
    await using dir = await createTempDir();
    const path = join(dir.path, "outcome.json");
    await writeFile(path, "old");
    const disk = createFaultyDisk(dir.path);
    disk.failWhen((operation) => (operation.kind === kind ? "EIO" : undefined));
    await expect(writeAtomic(path, "new", { disk })).rejects.toThrow("EIO");
    expect(await readdir(dir.path)).toEqual(["outcome.json"]);
    expect(await readFile(path, "utf8")).toBe("old");
  },
);

test("S3: a directory that was made is there after a power loss, with all that were made above it", async () => {
  await using dir = await createTempDir();
  const disk = createFaultyDisk(dir.path);
  await makeDirectory(join(dir.path, "a", "b", "c"), 0o700, disk);
  await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect(await readdir(join(left.path, "a", "b"))).toEqual(["c"]);
  // Made by whoever was killed before it could flush the name.
  await disk.mkdir(join(dir.path, "d"), { recursive: true, mode: 0o700 });
  await makeDirectory(join(dir.path, "d"), 0o700, disk);
  await using later = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect(await readdir(later.path)).toEqual(["a", "d"]);
});
