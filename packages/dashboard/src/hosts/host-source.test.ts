import type { HostSettings } from "@nixfleet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sourceIdOf, sourceNameOf } from "./host-source.ts";

const settings: HostSettings = {
  tags: [],
  location: "",
  deviceType: "server",
  themeColor: null,
  interval: 5,
  repoUrl: "git@git.example.org:me/cfg.git",
};

test("a source has one id whatever URL reaches its repository, and each of its branches has one of its own", () => {
  const id = sourceIdOf({ repoUrl: "git@git.example.org:me/cfg.git", branch: "main" });
  // Stored with hosts and runs, and part of addresses: it must never change.
  expect(id).toBe("fb2f1a448c4df47a");
  for (const repoUrl of [
    "ssh://git@git.example.org/me/cfg",
    "https://git.example.org/me/cfg/",
    "http://GIT.example.org:80/me/cfg",
  ])
    expect(sourceIdOf({ repoUrl, branch: "main" })).toBe(id);
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), (repoUrl, branch) => {
      const one = sourceIdOf({ repoUrl, branch });
      expect(one).toMatch(/^[0-9a-f]{16}$/);
      expect(sourceIdOf({ repoUrl, branch: `${branch}2` })).not.toBe(one);
    }),
  );
});

test("a host follows the branch that its settings name, else the one of its clone; what it has not said is not known", () => {
  const clone = { commit: null, branch: "stable" };
  expect(sourceNameOf({ ...settings, branch: "main" }, clone)).toEqual({ repoUrl: settings.repoUrl, branch: "main" });
  expect(sourceNameOf(settings, clone)).toEqual({ repoUrl: settings.repoUrl, branch: "stable" });
  expect(sourceNameOf(settings, undefined)).toBeNull();
  expect(sourceNameOf(null, clone)).toBeNull();
});

test("the flake of a folder is a source of its own, and an agent that names no folder follows the root", () => {
  const inFolder = sourceNameOf({ ...settings, branch: "main", flakeDir: "nix" }, undefined);
  expect(inFolder).toEqual({ repoUrl: settings.repoUrl, branch: "main", flakeDir: "nix" });
  const root = { repoUrl: settings.repoUrl, branch: "main" };
  expect(sourceIdOf({ ...root, flakeDir: "" })).toBe(sourceIdOf(root));
  expect(new Set([root, { ...root, flakeDir: "nix" }, { ...root, flakeDir: "other" }].map(sourceIdOf)).size).toBe(3);
  expect(sourceNameOf({ ...settings, branch: "main", flakeDir: "" }, undefined)).toEqual(root);
});
