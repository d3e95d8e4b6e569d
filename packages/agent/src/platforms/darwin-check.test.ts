import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { makeClosure } from "./closures.fixture.ts";
import { createDarwinPlatform } from "./darwin.ts";
import { createDarwinHost, type DarwinClosure } from "./darwin-host.fixture.ts";

async function createMac() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const host = await createDarwinHost(dir.path);
  const env = { PATH: process.env["PATH"] };
  const platform = createDarwinPlatform({ hostname: "mini", flakeAttr: undefined, systemRoot: dir.path, env, exec: host.exec });
  const check = async (closure: string) => {
    const command = platform.activationCheck(closure);
    if (command === undefined) throw new Error("nix-darwin has checks");
    return host.exec({ argv: command.argv, env: command.env, cwd: "/" }).result;
  };
  const checkOf = async (closure: DarwinClosure) => check(await host.make("next", closure));
  return { ...host, platform, check, checkOf };
}

test("a closure's checks run alone, though its first line takes away the variable that says so", async () => {
  const mac = await createMac();
  const result = await mac.checkOf({ jobs: { "org.nixos.a": "1" } });
  expect(result).toMatchObject({ end: { kind: "exited", exitCode: 0 }, stdout: "ok\n" });
  expect(await mac.calls()).toEqual([expect.stringMatching(/^activate /)]);
  expect(await mac.platform.runningClosure()).toBeUndefined();
});

test("checks that fail say why, and nothing was done", async () => {
  const mac = await createMac();
  const why = "error: Unexpected files in /etc, aborting activation";
  const result = await mac.checkOf({ jobs: { "org.nixos.a": "1" }, checks: `echo "${why}" >&2; exit 2` });
  expect(result).toMatchObject({ end: { kind: "exited", exitCode: 2 }, stdout: `${why}\n` });
  expect(await mac.loaded()).toEqual([]);
});

// The words of modules/system/applications.nix and modules/users/default.nix of nix-darwin a1fa429 (June 2026).
test.for([
  "permission denied when trying to update apps over SSH, aborting activation",
  "users cannot be create over SSH without Full Disk Access, aborting activation",
  "permission denied when trying to create user nixfleet-agent, aborting activation",
])("what macOS forbids names the program to grant it to, before nix-darwin's own: %s", async (words) => {
  const mac = await createMac();
  const why = `\x1b[1;31merror: ${words}\x1b[0m`;
  const result = await mac.checkOf({ checks: `echo '${why}' >&2; exit 1` });
  expect(result.stdout.split("\n").slice(0, 2)).toEqual([
    `error: macOS forbids it to the runner. Grant Full Disk Access to ${process.execPath}`,
    why,
  ]);
  expect(result.end).toEqual({ kind: "exited", exitCode: 1 });
});

test("a nix-darwin whose activate cannot end after its checks is not called", async () => {
  const mac = await createMac();
  const called = join(mac.root, "called");
  const old = await makeClosure(mac.root, "old", { activate: `#!/bin/sh\necho called > ${called}\n` });
  expect(await mac.check(old)).toMatchObject({ end: { kind: "exited", exitCode: 0 }, stdout: "" });
  await expect(readFile(called)).rejects.toThrow("ENOENT");
});
