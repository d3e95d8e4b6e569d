import type { CommitView } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { commitsBetween, storeDisk } from "./changes-words.ts";

const commit: CommitView = { commit: "a".repeat(40), subject: "", author: "", at: 0, url: null };

test("commits are counted, with “more than” if not all of them are known", () => {
  expect(commitsBetween({ commits: [], commitsComplete: true })).toBeNull();
  expect(commitsBetween({ commits: [commit], commitsComplete: true })).toBe("1 commit");
  expect(commitsBetween({ commits: [commit, commit], commitsComplete: false })).toBe("more than 2 commits");
});

test("the store's disk is its own, else the root's; without reported disks there is none", () => {
  const disk = (mount: string) => ({ mount, used: 1, total: 2 });
  expect(storeDisk([disk("/boot"), disk("/"), disk("/nix")])?.mount).toBe("/nix");
  expect(storeDisk([disk("/boot"), disk("/")])?.mount).toBe("/");
  expect(storeDisk(undefined)).toBeUndefined();
});
