import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProgram } from "@nixfleet/testkit/built-programs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mountsBelow } from "./machine.ts";
import { createPlaces, type Places } from "./places.ts";
import { openRootFilesystem } from "./root-filesystem.ts";

let places: Places;
const fills: string[] = [];

beforeEach(async () => {
  places = createPlaces(await mkdtemp(join(tmpdir(), "nixfleet-roots-")));
  fills.length = 0;
});
afterEach(() => rm(places.root, { recursive: true, force: true }));

/** What a lab asks for. The root file system is one file. */
async function open(lab: string, fill = writeRelease) {
  const labDirectory = join(places.labs, lab);
  await mkdir(labDirectory, { recursive: true });
  return openRootFilesystem("forky", { places, labDirectory, say: () => {}, fill });
}

async function writeRelease(root: string, kind: string) {
  fills.push(kind);
  await writeFile(join(root, "release"), kind);
}

test("two labs that want the same root file system at one moment get one, made once and whole", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const first = open("1", async (root, kind) => {
    begun.resolve();
    await finish.promise;
    await writeRelease(root, kind);
  });
  await begun.promise;
  const second = open("2");
  finish.resolve();

  expect(await second).toBe(await first);
  expect(fills).toEqual(["forky"]);
  expect(await readdir(await first)).toEqual(["release"]);
  expect(mountsBelow(places.root)).toEqual([]);
});

test("what a maker that was killed has left is taken for whole by nobody, and made again by who waits for it", async () => {
  const script = `
    import { writeFileSync } from "node:fs";
    import { openRootFilesystem } from ${JSON.stringify(new URL("root-filesystem.ts", import.meta.url).pathname)};
    const fill = async (root) => {
      writeFileSync(root + "/half", "");
      console.log("it is half made");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    };
    const [places, labDirectory] = ${JSON.stringify([places, join(places.labs, "1")])};
    await openRootFilesystem("forky", { places, labDirectory, say() {}, fill });
  `;
  const argv = [process.execPath, "--input-type=module", "--eval", script] as const;
  const maker = startProgram([...argv], { PATH: process.env["PATH"] ?? "" }, "/dev/null");
  await maker.says(/it is half made/);
  const waiting = open("2");
  await maker.end("SIGKILL");

  const root = await waiting;

  expect(await readdir(root)).toEqual(["release"]);
  expect(readdirSync(places.roots)).toEqual([root.slice(places.roots.length + 1)]);
  expect(mountsBelow(places.root)).toEqual([]);
});

test("one that cannot be filled is an error, and the next who wants it tries again", async () => {
  const noMirror = async () => {
    throw new Error("no mirror");
  };

  await expect(open("1", noMirror)).rejects.toThrow("no mirror");

  expect(await readdir(await open("1"))).toEqual(["release"]);
});

test("one that was made of something else stays while a lab uses it, and is removed after that", async () => {
  const old = join(places.roots, "forky-0123456789abcdef");
  const uses = join(places.labs, "7/uses");
  await mkdir(old, { recursive: true });
  await mkdir(uses, { recursive: true });
  await writeFile(join(uses, "forky-0123456789abcdef"), "");

  await open("1");
  expect(existsSync(old)).toBe(true);

  await rm(join(places.labs, "7"), { recursive: true });
  const root = await open("1");
  expect(existsSync(old)).toBe(false);
  expect(existsSync(root)).toBe(true);
});
