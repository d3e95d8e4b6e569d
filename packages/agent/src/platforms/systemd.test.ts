import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { isAtWork } from "./systemd.ts";

test.for([
  ["echo active", true],
  ["echo deactivating", true],
  ["echo inactive", false],
  ["echo failed", false],
  ["echo active; exit 1", undefined],
  ["echo 'Failed to connect to bus' >&2; exit 1", undefined],
] as const)("R37: whether a unit is at work, where systemctl does %s: %s; its silence is no answer", async ([script, answer]) => {
  await using dir = await createTempDir();
  const bin = join(dir.path, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "systemctl"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  expect(await isAtWork(exec, { PATH: `${bin}:${process.env["PATH"]}` }, "web.service")).toBe(answer);
});
