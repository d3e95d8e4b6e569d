import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { AccessReading } from "../platforms/platform.ts";
import { recordAccess } from "./record-access.ts";

/** A runner whose operating system gives these answers, one after another. */
function runnerIn(runnerDir: string, ...answers: AccessReading[]) {
  const logged: string[] = [];
  const readAccess = async () => answers.shift() ?? Promise.reject(new Error("asked too often"));
  const deps = { platform: { readAccess }, config: { runnerDir }, log: (message: string) => logged.push(message) };
  return { record: () => recordAccess(deps), logged };
}

const denied: AccessReading = { program: "/node", fullDisk: false, apps: "denied" };

test("the runner writes down what the operating system lets it do, and only what is new", async () => {
  await using dir = await createTempDir();
  const file = join(dir.path, "access.json");
  const runner = runnerIn(dir.path, denied, denied, { ...denied, apps: "allowed" });
  await runner.record();
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual(denied);
  const { ino } = await stat(file);
  await runner.record();
  expect((await stat(file)).ino).toBe(ino);
  await runner.record();
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ ...denied, apps: "allowed" });
  expect(runner.logged).toEqual([]);
});

test("a fault of it stops no runner", async () => {
  await using dir = await createTempDir();
  const runner = runnerIn(join(dir.path, "none"), denied);
  await runner.record();
  await runner.record();
  expect(runner.logged).toEqual([expect.stringContaining("ENOENT"), expect.stringContaining("asked too often")]);
});
