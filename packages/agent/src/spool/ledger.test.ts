import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Deployment, RunId } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createCountingDisk } from "./counting-disk.fixture.ts";
import { createLedger } from "./ledger.ts";
import { setUsualUmask } from "./umask.fixture.ts";

const closure = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";
const runId = "01jd0000000000000000000001" as RunId;
const deployment = (at: number): Deployment => ({ closure, commit: null, mode: "switch", runId, at });
const textOf = (count: number) => Array.from({ length: count }, (_, at) => `${JSON.stringify(deployment(at))}\n`).join("");

async function createPath() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  return join(dir.path, "deployments.jsonl");
}

test("a ledger that is not there has no deployments, and is made with the first: for the group to read, and for nobody else", async () => {
  setUsualUmask();
  const path = await createPath();
  const ledger = createLedger(path);
  expect(await ledger.read()).toEqual([]);
  await ledger.add(deployment(1));
  expect(await readFile(path, "utf8")).toBe(`${JSON.stringify(deployment(1))}\n`);
  expect(await ledger.read()).toEqual([deployment(1)]);
  expect((await stat(path)).mode & 0o777).toBe(0o640);
});

test("of many deployments the last five hundred are read, and all stay in the file until it has grown too large", async () => {
  const path = await createPath();
  await writeFile(path, textOf(600));
  const ledger = createLedger(path);
  await ledger.add(deployment(600));
  expect((await ledger.read()).map(({ at }) => at)).toEqual(Array.from({ length: 500 }, (_, n) => n + 101));
  expect(await readFile(path, "utf8")).toBe(textOf(601));
});

test("S13: a ledger beyond a mebibyte is written again with the last ones, and stays for the group to read", async () => {
  const path = await createPath();
  await writeFile(path, textOf(9000));
  await createLedger(path).add(deployment(9000));
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).at)).toEqual(Array.from({ length: 501 }, (_, n) => n + 8500));
  expect((await stat(path)).mode & 0o777).toBe(0o640);
});

test("a ledger that was added to leaves no file open", async () => {
  const path = await createPath();
  const { disk, leftOpen } = createCountingDisk();
  const ledger = createLedger(path, disk);
  await ledger.add(deployment(1));
  await writeFile(path, textOf(9000));
  await ledger.add(deployment(9000));
  expect(leftOpen()).toBe(0);
});

test("S13: lines that are no deployments, torn or of another kind, cost only themselves", async () => {
  const path = await createPath();
  const ledger = createLedger(path);
  await writeFile(path, "{");
  await ledger.add(deployment(2));
  expect(await ledger.read()).toEqual([deployment(2)]);
  await writeFile(path, "");
  await appendFile(path, `{"closure":"/nix\n\n{"other":1}\n${textOf(1)}`);
  await ledger.add(deployment(1));
  expect(await ledger.read()).toEqual([deployment(0), deployment(1)]);
  expect((await readFile(path, "utf8")).endsWith(`${textOf(1)}${JSON.stringify(deployment(1))}\n`)).toBe(true);
});
