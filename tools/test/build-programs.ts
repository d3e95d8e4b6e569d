import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/** Before all tests: the built programs, which some of them start, are made of today's sources. Make builds nothing twice. */
export function setup(): void {
  // Called by `make test`, this is a make of its own: nothing of the outer one's job server reaches it.
  const { MAKEFLAGS: _flags, MFLAGS: _oldFlags, MAKELEVEL: _level, ...env } = process.env;
  execFileSync("make", ["--silent", "programs"], { cwd: resolve(import.meta.dirname, "../.."), stdio: "inherit", env });
}
