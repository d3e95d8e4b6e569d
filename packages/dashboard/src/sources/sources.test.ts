import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SourceId } from "@nixfleet/protocol";
import { exec } from "@nixfleet/runtime";
import { createFakeClock, createGitFixture, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { createSources, type DeclaredSource, sourceTitle, undeclaredSource } from "./index.ts";

async function arrange() {
  const scope = new AsyncDisposableStack();
  const dir = scope.use(await createTempDir());
  const clock = createFakeClock();
  const { store, bus } = await openTestStore({ clock });
  scope.use(store);
  const directory = join(dir.path, "mirrors");
  const make = (...declared: DeclaredSource[]) =>
    scope.use(createSources({ declared, directory, interval: 60_000, store, bus, clock, log: quiet, exec, env: process.env }));
  return { scope, directory, store, bus, make };
}
const elsewhere = "0123456789abcdef" as SourceId;

test("each declared source has a target, a mirror and a stored state of its own, and says by its id that it changed", async () => {
  const { scope, directory, store, bus, make } = await arrange();
  await using _ = scope;
  const [one, two] = [scope.use(await createGitFixture()), scope.use(await createGitFixture())];
  const [first, second] = [await one.commit("of one", {}), await two.commit("of two", {})];
  const sources = make({ url: one.url, branch: "main" }, { url: two.url, branch: "main" });
  const [a, b] = sources.list();
  if (a === undefined || b === undefined) throw new Error("two sources were declared");
  const changed: SourceId[] = [];
  bus.on("source.changed", ({ sourceId }) => void changed.push(sourceId), { owner: "test" });
  await sources.start();
  await Promise.all([a.refresh(), b.refresh()]);

  expect(a.view()).toMatchObject({ sourceId: a.id, commit: first });
  expect(b.view()).toMatchObject({ sourceId: b.id, commit: second });
  expect(new Set(changed)).toEqual(new Set([a.id, b.id]));
  expect(existsSync(join(directory, `${a.id}.git`)) && existsSync(join(directory, `${b.id}.git`))).toBe(true);
  // What a commit is to another source is not known here.
  expect(await a.standing(second)).toMatchObject({ relation: { kind: "unknown" } });
  expect(await b.subject(second)).toBe("of two");
  const rows = await store.db.selectFrom("sources").selectAll().orderBy("url").execute();
  expect(rows.map(({ id, url, branch }) => ({ id, url, branch }))).toEqual(
    [a, b].map(({ id, url, branch }) => ({ id, url, branch })).sort((x, y) => (x.url < y.url ? -1 : 1)),
  );
});

test("a source is found by its id; a host that has not said which one it tracks counts to the only one", async () => {
  const { scope, make } = await arrange();
  await using _ = scope;
  const main = { url: "https://git.example.org/me/cfg", branch: "main" };
  const stable = { ...main, branch: "stable" };

  const sole = make(main, { ...main, url: "git@git.example.org:me/cfg.git" });
  expect(sole.list()).toHaveLength(1);
  expect(sole.only?.url).toBe(main.url);
  expect(sole.of(null)).toBe(sole.only);
  expect(sole.of(sole.only?.id ?? null)).toBe(sole.only);
  expect(sole.of(elsewhere)).toBeNull();

  const two = make(main, stable);
  expect(two.list().map(({ branch }) => branch)).toEqual(["main", "stable"]);
  expect(two.only).toBeNull();
  expect(two.of(null)).toBeNull();
  expect(two.of(two.list()[1]?.id ?? null)?.branch).toBe("stable");

  const none = make();
  expect(none.list()).toEqual([]);
  expect(none.of(null)).toBeNull();
});

test("the mirror of a source that is declared no more is removed, and those of the others stay", async () => {
  const { scope, directory, make } = await arrange();
  await using _ = scope;
  const git = scope.use(await createGitFixture());
  await git.commit("first", {});
  const sources = make({ url: git.url, branch: "main" });
  await sources.start();
  await sources.only?.refresh();
  await sources.stop();
  const [old, untouched] = [join(directory, `${elsewhere}.git`), join(directory, `${sources.only?.id}.git`, "untouched")];
  await mkdir(old);
  await writeFile(untouched, "");

  await sources.start();
  await sources.stop();

  expect(existsSync(old)).toBe(false);
  expect(existsSync(untouched)).toBe(true);
});

test("a source that is not declared is named without user names and passwords, with what to do", () => {
  const source = { repoUrl: "https://me:hunter2@git.example.org/me/other.git?key=hunter2", branch: "main" };
  expect(sourceTitle(source)).toBe("main of git.example.org/me/other");
  expect(undeclaredSource(source)).toBe(
    "This host follows main of git.example.org/me/other, which this dashboard does not read. Declare it with NIXFLEET_REPO_URL, NIXFLEET_BRANCH and NIXFLEET_FLAKE_DIR, or set repoUrl, branch and flakeDir in the host's configuration to what the dashboard reads.",
  );
  expect(sourceTitle({ ...source, flakeDir: "nix" })).toBe("main of git.example.org/me/other/nix");
  expect(sourceTitle({ repoUrl: "/srv/cfg.git", branch: "main" })).toBe("main of /srv/cfg");
});
