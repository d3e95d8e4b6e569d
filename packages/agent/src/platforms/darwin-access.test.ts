import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { readMacAccess } from "./darwin-access.ts";

/** What macOS forbids looks like a directory here: it cannot be opened for writing, and root is no exception. */
test("apps are denied as soon as one of them cannot be changed, as nix-darwin's own check finds out", async () => {
  await using dir = await createTempDir();
  expect(await readMacAccess(dir.path, "/node")).toEqual({ program: "/node", fullDisk: false, apps: "none" });
  const apps = join(dir.path, "Applications/Nix Apps");
  await mkdir(join(apps, "One.app"), { recursive: true });
  await writeFile(join(apps, "readme"), "");
  expect(await readMacAccess(dir.path, "/node")).toMatchObject({ apps: "allowed" });
  await mkdir(join(apps, "Two.app/.DS_Store"), { recursive: true });
  expect(await readMacAccess(dir.path, "/node")).toMatchObject({ apps: "denied" });
});

test("Full Disk Access is seen by what nobody can read without it", async () => {
  await using dir = await createTempDir();
  await mkdir(join(dir.path, "Library/Application Support/com.apple.TCC"), { recursive: true });
  await writeFile(join(dir.path, "Library/Application Support/com.apple.TCC/TCC.db"), "");
  expect(await readMacAccess(dir.path, "/node")).toMatchObject({ fullDisk: true });
});
