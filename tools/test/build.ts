import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import type { TestProject } from "vitest/node";

/**
 * Before all tests: what they start is made of today's sources, the built programs and, where a browser opens it, the page. Make builds
 * nothing twice.
 */
export function setup({ name }: TestProject): void {
  // Called by `make test`, this is a make of its own: nothing of the outer one's job server reaches it.
  const { MAKEFLAGS: _flags, MFLAGS: _oldFlags, MAKELEVEL: _level, ...env } = process.env;
  execFileSync("make", ["--silent", name === "e2e" ? "build" : "programs"], {
    cwd: resolve(import.meta.dirname, "../.."),
    stdio: "inherit",
    env,
  });
}
