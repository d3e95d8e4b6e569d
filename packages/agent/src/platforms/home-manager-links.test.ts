import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { makeClosure } from "./closures.fixture.ts";
import { filesInTheWay, linkDifferences, packageDifferences } from "./home-manager-links.ts";

/** A home that a generation has linked, and another generation. */
async function linkedHome() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const home = join(dir.path, "home");
  const generation = async (name: string, files: Record<string, string>) => {
    const linked = await makeClosure(dir.path, `${name}-home-manager-files`, files);
    const closure = await makeClosure(dir.path, `${name}-home-manager-generation`, { "home-path/bin/x": "x" });
    await symlink(linked, join(closure, "home-files"));
    return { closure, files: linked };
  };
  const link = async (path: string, target: string) => {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await rm(join(home, path), { force: true });
    await symlink(target, join(home, path));
  };
  const old = await generation("old", { ".config/motd": "old\n", ".config/deep/one": "one\n", ".bashrc": "# old\n" });
  const failed = await generation("failed", { ".config/motd": "failed\n", ".config/two": "two\n" });
  for (const name of [".config/motd", ".config/deep/one", ".bashrc"]) await link(name, join(old.files, name));
  const seen = (more: { after?: "undo" } = {}) =>
    linkDifferences(home, { running: old.closure, profile: null, replaced: failed.closure, ...more });
  return { dir: dir.path, home, old, failed, link, seen };
}

test("R63: a home with each link of its generation and none of the other one has no differences", async () => {
  const { seen } = await linkedHome();
  expect(await seen()).toEqual([]);
  expect(await seen({ after: "undo" })).toEqual([]);
});

test("R63: a link of another generation, one that is missing, and one that was left are each told", async () => {
  const { home, old, failed, link, seen } = await linkedHome();
  await link(".config/motd", join(failed.files, ".config/motd"));
  await link(".config/two", join(failed.files, ".config/two"));
  await rm(join(home, ".config/deep"), { recursive: true });
  const differences = await seen();
  expect(differences.map(({ what }) => what)).toEqual(["~/.config/motd", "~/.config/deep/one", "~/.config/two"]);
  expect(differences.map(({ sentence }) => sentence)).toEqual([
    `${home}/.config/motd leads to ${failed.files}/.config/motd, and should lead to ${old.files}/.config/motd.`,
    `${home}/.config/deep/one is missing, and should lead to ${old.files}/.config/deep/one.`,
    `${home}/.config/two still leads to a file of ${failed.closure}.`,
  ]);
  expect(await seen({ after: "undo" })).toEqual(differences);
});

test("R63: a file in place of a link is a difference after an undo if its content is, and a configuration's own doing else", async () => {
  const { home, link, seen } = await linkedHome();
  await rm(join(home, ".bashrc"));
  await writeFile(join(home, ".bashrc"), "# old\n");
  expect(await seen({ after: "undo" })).toEqual([]);
  await writeFile(join(home, ".bashrc"), "# mine\n");
  await link(".config/motd", "/etc/motd");
  const own = ["~/.bashrc (the home's own)", "~/.config/motd (the home's own)"];
  expect((await seen({ after: "undo" })).map(({ what }) => what).sort()).toEqual(own);
  expect(await seen()).toEqual([]);
});

test("a file of one's own where the other generation had a link is nobody's difference", async () => {
  const { home, seen } = await linkedHome();
  await writeFile(join(home, ".config/two"), "mine\n");
  expect(await seen({ after: "undo" })).toEqual([]);
});

test("the armed record takes the name of each difference, however long the path is", async () => {
  const { old, seen } = await linkedHome();
  const deep = join("a".repeat(200), "b".repeat(200));
  await mkdir(dirname(join(old.files, deep)), { recursive: true });
  await writeFile(join(old.files, deep), "");
  const [difference] = await seen();
  expect(difference?.what.length).toBeLessThanOrEqual(300);
  expect(difference?.what).toMatch(/^~\/a+\/b+$/);
});

test("R63: packages that an undo should have installed again are told, by either kind of Nix profile", async () => {
  const { dir, old, failed } = await linkedHome();
  const meant = { running: old.closure, profile: null, replaced: failed.closure };
  const profile = join(dir, "profile");
  expect(await packageDifferences([profile], meant)).toEqual([]);
  await mkdir(profile);
  await writeFile(
    join(profile, "manifest.json"),
    JSON.stringify({ elements: [{ storePaths: [join(failed.closure, "home-path")] }] }),
  );
  expect(await packageDifferences([join(dir, "none"), profile], meant)).toEqual([
    { what: "packages", sentence: `The packages of ${old.closure} are not installed in ${profile}.` },
  ]);
  await rename(join(profile, "manifest.json"), join(profile, "manifest.nix"));
  await writeFile(join(profile, "manifest.nix"), `[ { outPath = "${join(old.closure, "home-path")}"; } ]`);
  expect(await packageDifferences([profile], meant)).toEqual([]);
});

test("files in the way are those of the home's own, where a generation makes links", async () => {
  const { home, old, failed } = await linkedHome();
  expect(filesInTheWay(home, failed.closure)).toEqual([]);
  await writeFile(join(home, ".config/two"), "mine\n");
  expect(filesInTheWay(home, failed.closure)).toEqual([".config/two"]);
  expect(filesInTheWay(home, old.closure)).toEqual([]);
  expect(filesInTheWay(home, "/nix/store/none")).toEqual([]);
});
