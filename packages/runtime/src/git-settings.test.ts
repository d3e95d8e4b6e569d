import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { GIT_SETTINGS, gitCredentials } from "./git-settings.ts";
import { branchName, repoFolder, repoUrl } from "./setting-schemas.ts";
import { readSettings } from "./settings.ts";

function gitTakes(branch: string): boolean {
  try {
    execFileSync("git", ["check-ref-format", `refs/heads/${branch}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Names are made of these parts, at their beginning, middle and end. */
const PARTS = ["a", "main", "-", ".", "..", "/", "@", "@{", ".lock", "~", "^", ":", "?", "*", "[", "\\", "é", "{", "\u007f", " "];

test("R32: a branch that git refuses is refused, whatever its name is made of", () => {
  const names = PARTS.flatMap((first) => [
    first,
    ...PARTS.flatMap((second) => [first + second, `a${first}${second}`, `a${first}${second}a`]),
  ]);
  const taken = names.filter((name) => branchName.safeParse(name).success);
  expect(taken.filter((name) => !gitTakes(name))).toEqual([]);
  expect(taken.length).toBeGreaterThan(50);
});

test("Usual names of branches are taken", () => {
  const names = [
    "main",
    "release/26.05",
    "feature/new-host",
    "dependabot/npm_and_yarn/ws-8.19",
    "user@host",
    "@",
    "größer",
    "v1.lock2",
  ];
  expect(names.filter((name) => !branchName.safeParse(name).success)).toEqual([]);
});

test("R32: what git would read as an option, or a person not see, is no branch", () => {
  const names = ["-b", "--upload-pack=x", "a\u0085b", "a\u00a0b", "a\nb", "", "x".repeat(251)];
  expect(names.filter((name) => branchName.safeParse(name).success)).toEqual([]);
});

test("R32: the URL of a repository is checked, and stays as it was written", () => {
  expect(repoUrl.parse("git@example.org:config.git")).toBe("git@example.org:config.git");
  expect(repoUrl.safeParse("ext::sh -c id").error?.issues[0]?.message).toMatch(/white space\. Use one of: https/);
});

test("The folder of a flake is a path within the repository, however its ends are written", () => {
  for (const [text, path] of [
    ["nix", "nix"],
    ["./nix/", "nix"],
    ["hosts/my+nix@home", "hosts/my+nix@home"],
    [".", ""],
    ["./", ""],
    ["a/.config", "a/.config"],
  ]) {
    expect(repoFolder.parse(text)).toBe(path);
  }
  for (const text of ["/nix", "..", "a/../b", "a//b", "a/.git/b", "a b", "-\n", "a?b", "a#b", "x".repeat(201)]) {
    expect(repoFolder.safeParse(text).success, text).toBe(false);
  }
});

test("The credentials are those that the settings name", () => {
  const read = readSettings(
    GIT_SETTINGS,
    {
      NIXFLEET_SSH_KEY_FILE: "/keys/ssh",
      NIXFLEET_KNOWN_HOSTS_FILE: "/keys/hosts",
      NIXFLEET_GIT_CREDENTIALS_FILE: "/keys/https",
    },
    () => "",
  );
  if (!read.ok) throw new Error("the settings are good");
  expect(read.settings.branch).toBe("main");
  expect(gitCredentials(read.settings)).toEqual({
    sshKeyFile: "/keys/ssh",
    knownHostsFile: "/keys/hosts",
    credentialsFile: "/keys/https",
  });
});
