import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createGitFixture } from "./git-fixture.ts";
import { addOldHistory, OLD_FAULTS } from "./old-history.ts";
import { createTempDir } from "./temp-dir.ts";

test("An old history has every fault that git fsck names, and git clone takes it", async () => {
  await using origin = await createGitFixture();
  await using temp = await createTempDir();
  await origin.commit("first", { "hosts/gate/a.nix": "1\n" });
  const tip = await addOldHistory(origin);
  const git = (cwd: string, ...args: string[]) =>
    exec({ argv: ["git", ...args], cwd, env: { PATH: process.env["PATH"] ?? "" } }).result;
  expect(await git(temp.path, "clone", "--quiet", origin.url, "clone")).toMatchObject({ end: { exitCode: 0 } });
  const clone = join(temp.path, "clone");
  expect((await git(clone, "rev-parse", "HEAD")).stdout.trim()).toBe(tip);
  const { stderr } = await git(clone, "fsck", "--no-progress");
  expect(OLD_FAULTS.filter((fault) => !stderr.includes(`${fault}:`))).toEqual([]);
});
