import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { DEFAULT_TEST_TIMEOUT, listTestScripts, readTimeout } from "./test-scripts.ts";

async function createClone() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const tests = join(dir.path, "hosts/gate/tests");
  await mkdir(tests, { recursive: true });
  return { clone: dir.path, tests, list: () => listTestScripts({ clone: dir.path, flakeDir: "" }, "gate") };
}

test("R33: a link with a name that no file system takes is a test that fails by its name, and keeps no other from being read", async () => {
  const { tests, list } = await createClone();
  await symlink("x".repeat(300), join(tests, "T1.sh"));
  await writeFile(join(tests, "T2.sh"), "#!/bin/sh\n# timeout: 5 s \n");
  expect(await list()).toEqual([
    { name: "T1.sh", kind: "unusable", reason: expect.stringMatching(/^T1\.sh is a link to "x+…?", which leads nowhere$/) },
    { name: "T2.sh", kind: "script", path: join(tests, "T2.sh"), timeout: 5000 },
  ]);
});

test("a folder of tests that is such a link is one test that fails", async () => {
  const { clone, list } = await createClone();
  await mkdir(join(clone, "hosts/door"));
  await symlink("x".repeat(300), join(clone, "hosts/door/tests"));
  expect(await listTestScripts({ clone, flakeDir: "" }, "door")).toMatchObject([{ name: "hosts/door/tests", kind: "unusable" }]);
  expect(await list()).toEqual([]);
});

test("of a script only the beginning is read, however large it is", async () => {
  const { tests, list } = await createClone();
  await writeFile(join(tests, "T1.sh"), "# timeout: 7\n");
  // More than a string or a buffer of this program can hold, and no block on the disk.
  await truncate(join(tests, "T1.sh"), 3 * 1024 ** 3);
  expect(await list()).toMatchObject([{ name: "T1.sh", timeout: 7000 }]);
});

test("R64: a line of spaces costs nothing, and what is behind the beginning of a script counts for nothing", () => {
  const line = (length: number) => `# timeout: 5${" ".repeat(length)}x`;
  expect(readTimeout(line(4000))).toBe(DEFAULT_TEST_TIMEOUT);
  expect(readTimeout(line(1024 * 1024))).toBe(5000);
  expect(readTimeout(`#${" ".repeat(1024 * 1024)}`)).toBe(DEFAULT_TEST_TIMEOUT);
});
