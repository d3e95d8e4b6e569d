import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTestRuns } from "./test-runs.ts";

const repository = resolve(import.meta.dirname, "../..");

/** A repository with one file, a program that loads it, and tests of both. */
async function createRepository() {
  const place = await mkdtemp(join(tmpdir(), "nixfleet-runs-"));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const root = join(place, "tree");
  const temporary = join(place, "t");
  await mkdir(temporary);
  await mkdir(join(root, "tools"), { recursive: true });
  await cp(import.meta.dirname, join(root, "tools/mutate"), { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
  await symlink(join(repository, "node_modules"), join(root, "node_modules"));
  const write = async (file: string, text = "") => writeFile(join(root, file), text);
  await write("package.json", '{ "type": "module" }');
  await write(
    "vitest.config.ts",
    `export default { test: { projects: [{ test: { name: "parts", include: ["*.test.ts"], pool: "forks", isolate: false } }] } };`,
  );
  await write("answer.ts", ANSWER);
  await write("program.ts", 'import { answer } from "./answer.ts"; process.stdout.write(String(answer()));');
  await write(
    "answer.test.ts",
    `import { expect, test } from "vitest"; import { answer } from "./answer.ts";
     test("is 42", async () => expect(await answer()).toBe(42));`,
  );
  await write(
    "program.test.ts",
    `import { execFileSync } from "node:child_process"; import { expect, test } from "vitest";
     test("says 42", () => expect(execFileSync(process.execPath, ["program.ts"], { encoding: "utf8" })).toBe("42"));`,
  );
  return { tree: { root, temporary, write, [Symbol.asyncDispose]: async () => {} }, write };
}

const ANSWER = "export const answer = () => 42;";

test("each trial sees the file as it is then, also in programs that tests start, and one that waits for ever ends", async () => {
  const { tree, write } = await createRepository();
  using runs = createTestRuns(tree, new AbortController().signal);
  expect(await runs.relatedTo("answer.ts")).toEqual(["answer.test.ts"]);
  const files = await runs.run(["answer.test.ts", "program.test.ts"], { limit: 60_000 });
  expect(files?.get("answer.test.ts")?.passed).toBe(true);
  expect(files?.get("program.test.ts")?.passed).toBe(true);
  const trial = async (text: string, only?: string) => {
    await write("answer.ts", text);
    const names = ["answer.test.ts", "program.test.ts"].filter((name) => only === undefined || name === only);
    return runs.tryOut(new Map(names.flatMap((name) => [...(files ?? [])].filter(([file]) => file === name))), 60_000);
  };
  expect(await trial(ANSWER)).toEqual({ kind: "passed" });
  expect(await trial("export const answer = () => 41;")).toEqual({ kind: "failed", by: "answer.test.ts" });
  expect(await trial("export const answer = () => 40;", "program.test.ts")).toEqual({ kind: "failed", by: "program.test.ts" });
  expect(await trial("export const answer = () => new Promise(() => {});")).toEqual({ kind: "timed-out" });
  expect(await trial("throw new Error('no')")).toMatchObject({ kind: "failed" });
  expect(await trial(ANSWER)).toEqual({ kind: "passed" });
});

test("an aborted run begins nothing any more", async () => {
  const { tree } = await createRepository();
  const abort = new AbortController();
  using runs = createTestRuns(tree, abort.signal);
  const files = await runs.run(["answer.test.ts"], { limit: 60_000 });
  abort.abort();
  expect(await runs.tryOut(files ?? new Map(), 60_000)).toEqual({ kind: "aborted" });
  expect(await runs.run(["answer.test.ts"], { limit: 60_000 })).toBeUndefined();
});
