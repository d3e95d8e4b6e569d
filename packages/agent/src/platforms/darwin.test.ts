import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ExecResult, exec, succeeded } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { makeClosure, makeLinks } from "./closures.fixture.ts";
import { createDarwinPlatform } from "./darwin.ts";
import type { Platform } from "./platform.ts";

const profile = "nix/var/nix/profiles/system";

function darwin(systemRoot: string, env: Record<string, string | undefined> = {}) {
  return createDarwinPlatform({ hostname: "mini", flakeAttr: undefined, systemRoot, env, exec });
}

/** As nix-darwin's `activate` does: its work first, the link of what runs last. */
const activate = (root: string, self: string, work = ":") =>
  `#!/bin/sh\nset -e\necho "activate ${self}" >> ${root}/calls\n${work}\nmkdir -p ${root}/run\nln -sfn "$(dirname "$0")" ${root}/run/current-system\n`;

async function run(platform: Platform, closure: string): Promise<ExecResult> {
  const { argv, env, launcher } = platform.activation(closure, "switch");
  expect(launcher).toEqual([]);
  return exec({ argv, env, cwd: "/" }).result;
}

/** The programs of macOS that the steps call, as far as they call them. */
async function makePrograms(root: string, console: string): Promise<string> {
  const bin = join(root, "bin");
  await mkdir(bin);
  const write = (name: string, text: string) => writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  await write("ls", `[ "$*" = "-ld /dev/console" ] && echo "crw--w----  1 ${console}  tty  0x0 Jun 18 09:00 /dev/console"`);
  await write("sudo", `echo "sudo $1 $2" >> ${root}/calls; shift 3; exec "$@"`);
  return `${bin}:${process.env["PATH"]}`;
}

const calls = async (root: string) => (await readFile(join(root, "calls"), "utf8")).trimEnd().split("\n");

test("a closure without activate-user is activated alone, and counts as running when it is linked", async () => {
  await using dir = await createTempDir();
  const closure = await makeClosure(dir.path, "darwin-system", { activate: activate(dir.path, "new") });
  const platform = darwin(dir.path, { PATH: process.env["PATH"] });
  expect(platform.attributes).toEqual(['darwinConfigurations."mini".system']);
  expect(succeeded(await run(platform, closure))).toBe(true);
  expect(await platform.runningClosure()).toBe(closure);
  expect(await calls(dir.path)).toEqual(["activate new"]);
});

test("an older nix-darwin's activate-user runs first, as the user at the screen, or as who called sudo", async () => {
  await using dir = await createTempDir();
  const PATH = await makePrograms(dir.path, "ada");
  const closure = await makeClosure(dir.path, "darwin-system", {
    activate: activate(dir.path, "new"),
    "activate-user": `#!/bin/sh\necho activate-user >> ${dir.path}/calls\n`,
  });
  expect(succeeded(await run(darwin(dir.path, { PATH }), closure))).toBe(true);
  expect(await calls(dir.path)).toEqual(["sudo --user=ada --set-home", "activate-user", "activate new"]);
  await run(darwin(dir.path, { PATH, SUDO_USER: "grace" }), closure);
  expect((await calls(dir.path))[3]).toBe("sudo --user=grace --set-home");
});

test("with nobody at the screen nothing is begun; an activate-user that is only a note of its removal is not run", async () => {
  await using dir = await createTempDir();
  const PATH = await makePrograms(dir.path, "root");
  const old = await makeClosure(dir.path, "old", { activate: activate(dir.path, "old"), "activate-user": "#!/bin/sh\n" });
  const result = await run(darwin(dir.path, { PATH }), old);
  expect(result).toMatchObject({ end: { exitCode: 1 }, stderr: expect.stringContaining("nobody has logged in") });
  expect(await darwin(dir.path).runningClosure()).toBeUndefined();

  const deprecated = `#!/bin/sh\n# nix-darwin: deprecated\nexit 1\n`;
  const next = await makeClosure(dir.path, "next", { activate: activate(dir.path, "next"), "activate-user": deprecated });
  expect(succeeded(await run(darwin(dir.path, { PATH }), next))).toBe(true);
  expect(await calls(dir.path)).toEqual(["activate next"]);
});

test("an activate-user that fails ends it before the system is touched", async () => {
  await using dir = await createTempDir();
  const PATH = await makePrograms(dir.path, "ada");
  const files = { activate: activate(dir.path, "new"), "activate-user": "#!/bin/sh\nexit 3\n" };
  const result = await run(darwin(dir.path, { PATH }), await makeClosure(dir.path, "new", files));
  expect(result.end).toEqual({ kind: "exited", exitCode: 3 });
  expect(await calls(dir.path)).toEqual(["sudo --user=ada --set-home"]);
});

test("R37: an activation that stopped half way is told by the link, though it says that it went well", async () => {
  await using dir = await createTempDir();
  const platform = darwin(dir.path, { PATH: process.env["PATH"] });
  const before = await makeClosure(dir.path, "before", { activate: activate(dir.path, "before") });
  await run(platform, before);
  const failing = await makeClosure(dir.path, "failing", { activate: activate(dir.path, "failing", "exit 2") });
  const failed = await run(platform, failing);
  expect(failed.end).toEqual({ kind: "exited", exitCode: 2 });
  expect(failed.stderr).toBe(
    `error: the activation stopped half way (exit code 2): ${dir.path}/run/current-system, which is linked last, names ${before}\n`,
  );
  const lying = await makeClosure(dir.path, "lying", { activate: activate(dir.path, "lying", "exit 0") });
  expect((await run(platform, lying)).end).toEqual({ kind: "exited", exitCode: 1 });
  expect(await platform.runningClosure()).toBe(before);
});

test("R37: an undo puts the profile back, then activates the previous closure by its own steps", async () => {
  await using dir = await createTempDir();
  const platform = darwin(dir.path, { PATH: process.env["PATH"] });
  const before = await makeClosure(dir.path, "before", { activate: activate(dir.path, "before") });
  const after = await makeClosure(dir.path, "after", { activate: activate(dir.path, "after") });
  await run(platform, after);
  const [profileStep, _link, step, ...rest] = platform.undo(
    { closure: before, profile: { closure: before, generation: 10 } },
    { closure: after, mode: "switch" },
  );
  expect(profileStep?.argv).toEqual(["nix-env", "-p", join(dir.path, profile), "--switch-generation", "10"]);
  expect(rest).toEqual([]);
  expect(step && succeeded(await exec({ argv: step.argv, env: step.env }).result)).toBe(true);
  expect(await platform.runningClosure()).toBe(before);
});

test("launchd's next to empty search path is completed by what darwin-rebuild finds; nothing else of the agent's is passed on", () => {
  const { env, unit } = darwin("", { PATH: "/usr/bin:/bin", NIXFLEET_TOKEN: "x", NIX_REMOTE: "daemon" }).activation(
    "/c",
    "switch",
  );
  expect(env["PATH"]).toBe(
    "/usr/bin:/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/sbin:/sbin",
  );
  expect(env).toMatchObject({ HOME: "/var/root", USER: "root", NIX_REMOTE: "daemon" });
  expect(env).not.toHaveProperty("NIXFLEET_TOKEN");
  expect(unit).toBeNull();
  expect(darwin("").reboot).toEqual(["/sbin/shutdown", "-r", "now"]);
  expect(darwin("/shared").reboot).toBeUndefined();
});

test("R16: running and profile are two facts, the commit is what nix-darwin wrote into the closure; generations in numeric order", async () => {
  await using dir = await createTempDir();
  const commit = "0123456789012345678901234567890123456789";
  const version = (revision: string) => ({ "darwin-version.json": JSON.stringify({ configurationRevision: revision }) });
  const running = await makeClosure(dir.path, "running", version(commit));
  const next = await makeClosure(dir.path, "next", version(`${commit}-dirty`));
  await makeLinks(dir.path, {
    "run/current-system": running,
    [`${profile}-9-link`]: running,
    [`${profile}-10-link`]: next,
    [profile]: "system-10-link",
  });
  const platform = darwin(dir.path);
  expect(await platform.readFacts()).toMatchObject({
    running: { closure: running, revision: commit },
    profile: { closure: next, generation: 10 },
    generations: [
      { number: 9, current: false },
      { number: 10, current: true },
    ],
  });
  expect(await platform.readFacts()).not.toHaveProperty("reboot");
  expect(await platform.permanentSteps(next, "switch")).toMatchObject([
    { kind: "profile", argv: ["nix-env", "-p", join(dir.path, profile), "--set", next] },
  ]);
  expect(await platform.profile()).toBe(join(dir.path, profile));
});

test("R24: where launchctl cannot be asked, failed jobs are not known", async () => {
  await using dir = await createTempDir();
  const closure = await makeClosure(dir.path, "running", { "Library/LaunchDaemons/org.nixos.x.plist": "x" });
  expect(await darwin(dir.path).failedUnits()).toBeUndefined();
  await makeLinks(dir.path, { "run/current-system": closure });
  expect(await darwin(dir.path).failedUnits()).toBeUndefined();
});
