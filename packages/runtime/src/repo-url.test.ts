import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalRepoUrl, checkRepoUrl } from "./repo-url.ts";

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

test.each([
  ["git@host.example:me/cfg.git", "host.example/me/cfg"],
  ["host.example:/me/cfg", "host.example/me/cfg"],
  ["ssh://git@Host.example:2222/me/cfg", "host.example/me/cfg"],
  ["https://host.example:443/me//cfg.git/", "host.example/me/cfg"],
  ["https://host.example/me/cfg?token=abc#main", "host.example/me/cfg"],
  ["https://me:secret@host.example:8443/me/cfg", "host.example:8443/me/cfg"],
  ["http://BÜCHER.example/Me/Cfg", "xn--bcher-kva.example/Me/Cfg"],
  ["git@[::1]:cfg", "[::1]/cfg"],
  ["git@host:a?b", "host/a%3Fb"],
  ["/srv/me/../cfg.git", "/srv/cfg"],
  ["/srv/cfg/.git/", "/srv/cfg"],
  ["file:///srv/cfg.git", "/srv/cfg"],
  ["/", ""],
  ["ftp://me:secret@host/cfg", "ftp://[redacted]@host/cfg"],
  ["ssh://a b/cfg", "ssh://a b/cfg"],
  ["not a URL", "not a URL"],
  ["", ""],
])("%s is the repository %j", (url, canonical) => {
  expect(canonicalRepoUrl(url)).toBe(canonical);
});

test("all URLs of one repository have one canonical form, and those of two repositories have two", () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,8}$/).filter((text) => !text.startsWith("xn"));
  const name = fc.stringMatching(/^[A-Za-z0-9_~-]{1,8}$/);
  const repository = fc.record({
    host: fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join(".")}.example`),
    path: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/")),
  });
  const user = fc.option(name.filter((text) => /^\w/.test(text) && !text.includes("~")));
  const way = fc.record({
    form: fc.constantFrom("https", "http", "ssh", "short"),
    user,
    password: fc.option(name),
    port: fc.integer({ min: 1, max: 65_535 }),
    loud: fc.boolean(),
    end: fc.constantFrom("", "/", ".git", ".git/", "//"),
  });
  type Place = typeof repository extends fc.Arbitrary<infer T> ? T : never;
  type Way = typeof way extends fc.Arbitrary<infer T> ? T : never;
  const urlOf = ({ host, path }: Place, { form, user: login, password, port, loud, end }: Way) => {
    const shown = loud ? host.toUpperCase() : host;
    const who = login === null ? "" : password === null || form === "short" ? `${login}@` : `${login}:${password}@`;
    if (form === "short") return `${who}${shown}:${path}${end}`;
    return `${form}://${who}${shown}${form === "ssh" ? `:${port}` : ""}/${path}${end}`;
  };
  fc.assert(
    fc.property(repository, repository, way, way, (a, b, first, second) => {
      expect(canonicalRepoUrl(urlOf(a, first))).toBe(`${a.host}/${a.path}`);
      const same = a.host === b.host && a.path === b.path;
      expect(canonicalRepoUrl(urlOf(a, first)) === canonicalRepoUrl(urlOf(b, second))).toBe(same);
    }),
  );
});

test("a canonical form holds no password, whatever the text is", () => {
  const around = fc.string({ maxLength: 20 }).map((text) => text.replace(/[\s/@'"]/g, ""));
  fc.assert(
    fc.property(fc.constantFrom("https", "http", "ssh", "ftp", "git+https"), around, around, (scheme, user, rest) => {
      expect(canonicalRepoUrl(`${scheme}://${user}:hunter2hunter2@${rest}/cfg`)).not.toContain("hunter2hunter2");
    }),
  );
});
