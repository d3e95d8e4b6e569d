import { mkdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type ExecResult, exec, succeeded } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createFlakeFixture } from "./flake-fixture.ts";
import { createNixEnv } from "./nix-env.ts";
import { hasNix } from "./programs.ts";
import { createTempDir } from "./temp-dir.ts";

async function machine() {
  const dir = await createTempDir();
  const nix = await createNixEnv(join(dir.path, "nix"));
  const root = join(dir.path, "root");
  await mkdir(join(root, "nix/var/nix/profiles"), { recursive: true });
  const run = (...argv: [string, ...string[]]): Promise<ExecResult> =>
    exec({ argv, env: { ...nix.env, NIXFLEET_SYSTEM_ROOT: root } }).result;
  const out = async (...argv: [string, ...string[]]) => {
    const result = await run(...argv);
    if (!succeeded(result)) throw new Error(result.stderr);
    return result.stdout.trim();
  };
  return { dir, nix, root, run, out };
}

const toplevel = (host: string) => `nixosConfigurations.${host}.config.system.build.toplevel`;

test.runIf(hasNix)("a fixture's system builds in a store of its own, and is activated by the steps of a real one", async () => {
  await using fixture = await createFlakeFixture();
  const { dir, nix, root, out } = await machine();
  await using _dir = dir;
  const commit = await fixture.commitFlake("first", {
    hosts: { web1: { packages: 3, tests: { "T01.sh": "#!/bin/sh\nexit 0\n" } } },
  });
  const flake = `git+${fixture.url}?ref=main&rev=${commit}`;

  const derivation = await out("nix", "path-info", "--derivation", `${flake}#${toplevel("web1")}`);
  expect(derivation.startsWith(nix.storeDir)).toBe(true);
  expect(await out("nix", "eval", "--raw", `${flake}#${toplevel("web1")}.drvPath`)).toBe(derivation);
  const closure = await out("nix-store", "--realise", derivation);
  expect((await out("nix-store", "-qR", closure)).split("\n").map((path) => path.slice(nix.storeDir.length + 34))).toEqual(
    expect.arrayContaining(["part1-1.0", "part2-1.0", "part3-1.0", "nixos-system-web1-25.11"]),
  );

  const profile = join(root, "nix/var/nix/profiles/system");
  await out("nix-env", "-p", profile, "--set", closure);
  await out(join(closure, "bin/switch-to-configuration"), "switch");
  expect(await readlink(join(root, "run/current-system"))).toBe(closure);
  expect(await readlink(profile)).toBe("system-1-link");
  expect(JSON.parse(await out(join(closure, "sw/bin/nixos-version"), "--json"))).toEqual({
    configurationRevision: commit,
    nixosVersion: "25.11",
  });
  await out(join(closure, "bin/switch-to-configuration"), "boot");
  expect(await readFile(join(root, "activations"), "utf8")).toBe(`switch ${closure}\nboot ${closure}\n`);
  expect(await fixture.git("ls-files", "hosts")).toBe("hosts/web1/tests/T01.sh");
});

test.runIf(hasNix)("a fixture's home is activated into the profile and the root of its user", async () => {
  await using fixture = await createFlakeFixture();
  const { dir, nix, out } = await machine();
  await using _dir = dir;
  const commit = await fixture.commitFlake("first", { hosts: { "ada@laptop": { platform: "home-manager" } } });
  const attribute = 'homeConfigurations."ada@laptop".activationPackage';
  const closure = await out(
    "nix-store",
    "--realise",
    await out("nix", "path-info", "--derivation", `git+${fixture.url}?ref=main&rev=${commit}#${attribute}`),
  );
  await out(join(closure, "activate"));
  const state = join(nix.env.HOME ?? "", ".local/state");
  expect(await readlink(join(state, "home-manager/gcroots/current-home"))).toBe(closure);
  expect(await readlink(join(state, "nix/profiles/home-manager-1-link"))).toBe(closure);
});

test.runIf(hasNix)("a fixture fails where it is told to: syntax, evaluation, build, activation", async () => {
  await using fixture = await createFlakeFixture();
  const { dir, run, out } = await machine();
  await using _dir = dir;
  const build = async (commit: string) =>
    run("nix", "build", "--no-link", `git+${fixture.url}?ref=main&rev=${commit}#${toplevel("h")}`);

  const syntax = await build(await fixture.commitFlake("syntax", { hosts: { h: {} }, syntaxError: true }));
  expect(syntax.stderr).toContain("syntax error");
  const evaluation = await build(
    await fixture.commitFlake("evaluation", { hosts: { h: {} }, evaluationError: "no such option" }),
  );
  expect(evaluation.stderr).toContain("no such option");
  const building = await build(await fixture.commitFlake("build", { hosts: { h: { failingPackage: 2 } } }));
  expect(building.stderr).toContain("part 2: error: it does not compile");
  const commit = await fixture.commitFlake("activation", { hosts: { h: { failActivation: true } } });
  expect(succeeded(await build(commit))).toBe(true);
  const closure = await out("nix", "eval", "--raw", `git+${fixture.url}?ref=main&rev=${commit}#${toplevel("h")}.outPath`);
  expect(await run(join(closure, "bin/switch-to-configuration"), "switch")).toMatchObject({
    end: { kind: "exited", exitCode: 4 },
  });
});
