import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createGitFixture } from "./git-fixture.ts";

test("the same commits have the same hashes in every fixture, and are in the origin", async () => {
  await using one = await createGitFixture();
  await using two = await createGitFixture();
  const hashes = await Promise.all(
    [one, two].map((fixture) =>
      fixture.commit("first", { "a/b.txt": "text", "run.sh": { content: "#!/bin/sh\n", executable: true } }),
    ),
  );
  expect(hashes[0]).toBe(hashes[1]);
  expect(await one.git("ls-remote", one.url, "refs/heads/main")).toBe(`${hashes[0]}\trefs/heads/main`);
  expect(await one.git("ls-tree", "-r", "HEAD")).toMatch(/100644 blob \w+\ta\/b.txt\n100755 blob \w+\trun.sh/);
});

test("history can be rewritten by force, and a file removed", async () => {
  await using fixture = await createGitFixture();
  const first = await fixture.commit("first", { file: "1" });
  await fixture.commit("second", { file: null, other: "2" });
  expect(await fixture.git("ls-files")).toBe("other");
  await fixture.forcePushTo(first);
  expect(await fixture.git("ls-remote", fixture.url, "refs/heads/main")).toContain(first);
  expect(await readFile(join(fixture.workTree, "file"), "utf8")).toBe("1");
});

test("a fixture that people share pushes its commits, and leaves alone what somebody else has pushed", async () => {
  await using fixture = await createGitFixture({ shared: true });
  const first = await fixture.commit("first", { file: "1" });
  const theirs = await fixture.commitLocally("theirs", { file: "2" });
  await fixture.push();
  await fixture.git("reset", "--quiet", "--hard", first);
  await expect(fixture.commit("ours", { file: "3" })).rejects.toThrow("rejected");
  expect(await fixture.git("ls-remote", fixture.url, "refs/heads/main")).toContain(theirs);
});

test("a fixture leaves nothing behind", async () => {
  const fixture = await createGitFixture();
  await fixture[Symbol.asyncDispose]();
  await expect(access(fixture.origin)).rejects.toThrow("ENOENT");
});
