import { expect, test } from "vitest";
import { commitUrl } from "./forge-url.ts";

test.each([
  ["https://github.com/me/config.git", "https://github.com/me/config/commit/abc"],
  ["git@github.com:me/config.git", "https://github.com/me/config/commit/abc"],
  ["ssh://git@codeberg.org:2222/me/config", "https://codeberg.org/me/config/commit/abc"],
  ["https://gitlab.example.org/group/sub/config.git", "https://gitlab.example.org/group/sub/config/-/commit/abc"],
  ["https://forgejo.example.org:3000/me/config/", "https://forgejo.example.org:3000/me/config/commit/abc"],
  ["ssh://git@gitea.example.org/me/config.git", "https://gitea.example.org/me/config/commit/abc"],
  ["https://bitbucket.org/me/config", "https://bitbucket.org/me/config/commits/abc"],
  ["https://git.example.org/me/config.git", null],
  ["https://github.com/config", null],
  ["file:///srv/config.git", null],
  ["/srv/github.com/config.git", null],
])("the page of a commit of %s is %s", (url, page) => {
  expect(commitUrl(url, "abc")).toBe(page);
});
