import { expect, test } from "vitest";
import { checkRepoUrl } from "./repo-url.ts";

test.each([
  ["https://host.example/team/config.git", "https"],
  ["http://127.0.0.1:3000/config", "http"],
  ["ssh://git@host.example:2222/config.git", "ssh"],
  ["git@host.example:team/config.git", "ssh"],
  ["host:config", "ssh"],
  ["file:///srv/config.git", "file"],
  ["/srv/config.git", "path"],
])("%s is a repository URL, reached by %s", (url, transport) => {
  expect(checkRepoUrl(url)).toEqual({ ok: true, transport });
});

test.each([
  "",
  "-oProxyCommand=true",
  "--upload-pack=true",
  "ext::sh -c true",
  "ext::true",
  "fd::17",
  "git://host/config",
  "ftp://host/config",
  "ssh://-oProxyCommand=true/config",
  "git@-oProxyCommand=true:config",
  "host:-config",
  "file://host/config",
  "relative/path",
  "https://",
  "https://host/a b",
  "/srv/a\nb",
])("%j is refused with a reason and a fix", (url) => {
  const check = checkRepoUrl(url);
  expect(check.ok).toBe(false);
  expect(check).toMatchObject({ fault: expect.stringMatching(/./), fix: expect.stringMatching(/./) });
});

test.each(["https://me:secret@host/config", "https://token@host/config", "ssh://git:secret@host/config"])(
  "R32: %s is refused, points at the credentials file and does not repeat the secret",
  (url) => {
    const check = checkRepoUrl(url);
    expect(check).toMatchObject({ ok: false, fix: expect.stringContaining("gitCredentialsFile") });
    expect(JSON.stringify(check)).not.toMatch(/secret|token@host\/config/);
  },
);
