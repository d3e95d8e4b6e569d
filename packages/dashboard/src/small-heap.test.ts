import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Starts a program that keeps its heap small with a flag, then says that it goes on. */
function start(flag?: string) {
  const module = JSON.stringify(join(import.meta.dirname, "small-heap.ts"));
  const code = `import { keepHeapSmall } from ${module}; keepHeapSmall(${JSON.stringify(flag) ?? ""}); console.log("goes on");`;
  return spawnSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" });
}

test("A dashboard whose Node has dropped the flag goes on without it", () => {
  expect(start("--no-such-flag=1")).toMatchObject({ status: 0, stdout: "goes on\n" });
});

test("This Node knows the flag", () => {
  expect(start()).toMatchObject({ status: 0, stdout: "goes on\n", stderr: "" });
});
