import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { writeDeadmanProgram } from "./program.ts";

test("the program that a timer or a boot starts gives every word as it is, whatever the shell would make of it", async () => {
  await using dir = await createTempDir();
  const path = join(dir.path, "deadman-program");
  const words = ["it's", "a b", '"$HOME"', "`date`", "*", ""];
  await writeDeadmanProgram(path, ["/usr/bin/env", "printf", "[%s]", ...words]);
  const env = { PATH: process.env["PATH"] ?? "" };
  const { stdout } = await exec({ argv: ["/bin/sh", path, "deadman", "--run", "x y"], env }).result;
  expect(stdout).toBe([...words, "deadman", "--run", "x y"].map((word) => `[${word}]`).join(""));
});
