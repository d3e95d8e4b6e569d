import { chown, link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readUntrusted } from "./atomic-file.ts";
import { openUntrustedDirectory, type UntrustedDirectory } from "./untrusted-directory.ts";

let folder: string;
let queue: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "untrusted-"));
  queue = join(folder, "queue");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function open(): Promise<UntrustedDirectory> {
  const opened = await openUntrustedDirectory(queue);
  if (opened.kind !== "ok") throw new Error(opened.kind);
  return opened.directory;
}

test("a link, a file and nothing in a directory's place are told apart, and none is opened", async () => {
  expect(await openUntrustedDirectory(queue)).toEqual({ kind: "missing" });
  await mkdir(join(folder, "elsewhere"));
  await symlink("elsewhere", queue);
  expect(await openUntrustedDirectory(queue)).toMatchObject({ kind: "refused", detail: expect.stringContaining(queue) });
  expect(await openUntrustedDirectory(join(queue, "x"))).toEqual({ kind: "missing" });
  await writeFile(join(folder, "file"), "");
  expect((await openUntrustedDirectory(join(folder, "file"))).kind).toBe("refused");
});

test("exchanged for a link while it is open, nothing leads to where the link leads", async () => {
  const elsewhere = join(folder, "elsewhere");
  for (const path of [queue, elsewhere]) {
    await mkdir(path);
    await writeFile(join(path, "a"), path);
  }
  await using directory = await open();
  await rename(queue, `${queue}.old`);
  await symlink(elsewhere, queue);
  const read = await directory.read("a", 1000);
  expect(read.kind === "ok" && read.bytes.toString()).toBe(queue);
  await writeFile(join(elsewhere, "b"), "");
  expect(await directory.list()).toEqual(["a"]);
  expect(await directory.has("b")).toBe(false);
  expect(await directory.remove("b")).toBe("missing");
  expect(await directory.remove("a")).toBe("removed");
  expect((await readdir(elsewhere)).sort()).toEqual(["a", "b"]);
});

test("what is removed is one entry: a link and not its aim, an empty directory, and never what is inside of one", async () => {
  await mkdir(join(queue, "full/inside"), { recursive: true });
  await mkdir(join(queue, "empty"));
  await writeFile(join(folder, "aim"), "kept");
  await symlink(join(folder, "aim"), join(queue, "link"));
  await symlink(folder, join(queue, "link-to-directory"));
  await using directory = await open();
  const removals: Record<string, string> = {};
  for (const name of ["full", "empty", "link", "link-to-directory", "nothing"]) removals[name] = await directory.remove(name);
  expect(removals).toEqual({
    full: "left",
    empty: "removed",
    link: "removed",
    "link-to-directory": "removed",
    nothing: "missing",
  });
  expect(await readFile(join(folder, "aim"), "utf8")).toBe("kept");
  expect(await readdir(join(queue, "full"))).toEqual(["inside"]);

  expect(await directory.moveOut("full", join(folder, "aside"))).toBe(true);
  expect(await readdir(join(folder, "aside"))).toEqual(["inside"]);
  await mkdir(join(queue, "another/inside"), { recursive: true });
  expect(await directory.moveOut("another", join(folder, "aside"))).toBe(false);
});

test("a name with a way in it is no name", async () => {
  await mkdir(queue);
  await using directory = await open();
  for (const name of ["", ".", "..", "../x", "a/b", "/etc/passwd"]) {
    await expect(directory.has(name)).rejects.toThrow("not a name");
    await expect(directory.remove(name)).rejects.toThrow("not a name");
    await expect(directory.read(name, 10)).rejects.toThrow("not a name");
  }
});

test("a file of another user is not read, and neither is one with a second name, unless that is allowed", async () => {
  const path = join(folder, "file");
  await writeFile(path, "secret");
  const { uid } = await stat(path);
  expect(await readUntrusted(path, 100, { owner: uid })).toMatchObject({ kind: "ok" });
  const foreign = await readUntrusted(path, 100, { owner: uid + 1 });
  expect(foreign).toMatchObject({ kind: "refused", reason: "foreign" });
  await link(path, `${path}.2`);
  const linked = await readUntrusted(path, 100);
  expect(linked).toMatchObject({ kind: "refused", reason: "not-a-regular-file" });
  expect(await readUntrusted(path, 100, { names: 2 })).toMatchObject({ kind: "ok" });
  expect(JSON.stringify([foreign, linked])).not.toContain("secret");
});

test.runIf(process.getuid?.() === 0)("a directory of another user than the one around it is refused", async () => {
  await mkdir(queue);
  await chown(queue, 65_534, 65_534);
  expect(await openUntrustedDirectory(queue)).toMatchObject({ kind: "refused", detail: expect.stringContaining("65534") });
});
