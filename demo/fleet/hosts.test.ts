import { readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir, hasNix } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { installStandIn } from "../stand-in/install.ts";
import { demoHosts, installMachine, prepareMachine } from "./hosts.ts";
import { createPlaces } from "./places.ts";
import { failures, openRepositories, setFailingActivation, setLockOut, updatePackages } from "./repositories.ts";

const now = Date.UTC(2026, 0, 20) / 1000;
/** Without Nix its half is skipped, which the run counts: what was not tried must not look tried. */
const ways: [string, boolean][] = [
  ["a stand-in", true],
  ["Nix", false],
];

/** The demo's repositories and two of its hosts, installed, in a directory of their own. */
async function installed(standIn: boolean) {
  const dir = await createTempDir("nixfleet-demo-");
  const places = createPlaces(join(dir.path, "state"));
  await mkdir(places.root);
  writeFileSync(places.quickly, "");
  const path = standIn ? `${await installStandIn(places)}:${process.env.PATH}` : (process.env.PATH ?? "");
  const repositories = await openRepositories(places, now);
  const install = async (name: string) => {
    const host = demoHosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`the demo has no ${name}`);
    const prepared = await prepareMachine(host, places, path);
    await installMachine(prepared, repositories.config);
    return prepared;
  };
  const [web1, db1, laptop] = await Promise.all([install("web1"), install("db1"), install("laptop")]);
  const inside = (machine: typeof web1, ...argv: [string, ...string[]]) => exec({ argv, env: machine.env }).result;
  const build = async (machine: typeof web1, commit: string) => {
    const flake = `git+file://${repositories.config.workTree}?rev=${commit}#${machine.host.attribute}.drvPath`;
    const derivation = await inside(
      machine,
      "nix",
      "eval",
      "--raw",
      "--no-update-lock-file",
      "--log-format",
      "internal-json",
      flake,
    );
    const root = join(places.host(machine.host.name), "result");
    return inside(
      machine,
      "nix-store",
      "--realise",
      derivation.stdout,
      "--add-root",
      root,
      "--log-format",
      "internal-json",
      "-v",
    );
  };
  return { dir, repositories, web1, db1, laptop, inside, build };
}

test.for(ways)(
  "the demo's hosts are installed by %s, fall behind, build, and fail where they are told to",
  { timeout: 180_000 },
  async ([, standIn], { skip }) => {
    skip(!standIn && !hasNix, "Nix is not installed");
    const { dir, repositories, web1, db1, laptop, inside, build } = await installed(standIn);
    await using _dir = dir;
    const commits = (await repositories.config.git("rev-list", "--reverse", "HEAD")).split("\n");
    const current = join(web1.systemRoot, "run/current-system");
    const version = JSON.parse((await inside(web1, join(current, "sw/bin/nixos-version"), "--json")).stdout);
    expect(version).toMatchObject({
      configurationRevision: commits[0],
      nixosVersion: expect.stringMatching(/^25\.11\.20260104\.\w{7}$/),
    });
    expect(readlinkSync(join(web1.systemRoot, "run/booted-system"))).toBe(readlinkSync(current));
    expect(readlinkSync(join(web1.systemRoot, "nix/var/nix/profiles/system"))).toBe("system-1-link");
    expect(readlinkSync(join(laptop.env.HOME ?? "", ".local/state/nix/profiles/home-manager"))).toBe("home-manager-1-link");

    // db1 was booted into its specialisation: the profile is the configuration's.
    const maintenance = realpathSync(join(db1.systemRoot, "nix/var/nix/profiles/system/specialisation/maintenance"));
    for (const link of ["run/current-system", "run/booted-system"]) {
      expect(realpathSync(join(db1.systemRoot, link))).toBe(maintenance);
    }

    const listing = await inside(
      web1,
      "nix",
      "--extra-experimental-features",
      "nix-command flakes",
      "path-info",
      "--recursive",
      "--size",
      readlinkSync(current),
    );
    const names = listing.stdout
      .trim()
      .split("\n")
      .map((line) => basename(line.split(/\s/)[0] ?? "").slice(33));
    expect(names).toEqual(expect.arrayContaining(["nginx-1.27.5", "openssl-3.5.4", "glibc-2.40-66"]));
    expect(names).not.toContain("postgresql-17.5");

    for (const machine of [web1, db1, laptop]) {
      const folder = join(repositories.config.workTree, "hosts", machine.host.name, "tests");
      for (const script of readdirSync(folder)) {
        expect(await inside(machine, join(folder, script))).toMatchObject({ end: { kind: "exited", exitCode: 0 } });
      }
    }

    const { commit, changes } = await updatePackages(repositories, ["nginx", "fish"], undefined);
    expect(changes).toEqual(["fish: 4.1.2 -> 4.1.3", "nginx: 1.28.0 -> 1.28.1"]);
    const good = await build(web1, commit);
    expect(good.end).toEqual({ kind: "exited", exitCode: 0 });
    expect(good.stderr).toMatch(/@nix .*"type":105/);
    expect(good.stderr).toMatch(/@nix .*buildPhase/);
    const closure = readlinkSync(good.stdout.trim());
    expect((await inside(web1, join(closure, "sw/bin/nginx"))).stdout).toBe("nginx 1.28.1\n");

    const broken = await updatePackages(repositories, ["nginx"], "nginx");
    const failed = await build(web1, broken.commit);
    expect(failed.end).not.toEqual({ kind: "exited", exitCode: 0 });
    expect(failed.stderr).toContain("implicit declaration of function 'strlcpy'");
    expect((await build(laptop, broken.commit)).end).toEqual({ kind: "exited", exitCode: 0 });

    await updatePackages(repositories, ["nginx"], undefined);
    const failing = await setFailingActivation(repositories, true);
    const system = (await build(web1, failing)).stdout.trim();
    const activation = await inside(web1, join(system, "bin/switch-to-configuration"), "switch");
    expect(activation).toMatchObject({
      end: { kind: "exited", exitCode: 4 },
      stderr: expect.stringContaining("units failed: nginx.service"),
    });
    const home = (await build(laptop, failing)).stdout.trim();
    expect((await inside(laptop, join(home, "activate"))).end).toEqual({ kind: "exited", exitCode: 1 });

    const locked = (await build(web1, await setLockOut(repositories, true))).stdout.trim();
    const keys = (root: string) => readFileSync(join(root, "etc/ssh/authorized_keys.d/root"), "utf8");
    expect([keys(current), keys(locked)].map((text) => text.includes("ada@laptop"))).toEqual([true, false]);
    expect(failures(repositories).locksOut).toBe(true);
    await setLockOut(repositories, false);
    expect(failures(repositories).locksOut).toBe(false);

    const fixed = await setFailingActivation(repositories, false);
    const again = (await build(web1, fixed)).stdout.trim();
    expect((await inside(web1, join(again, "bin/switch-to-configuration"), "switch")).end).toEqual({
      kind: "exited",
      exitCode: 0,
    });
    expect(readFileSync(join(web1.systemRoot, "run/current-system/etc/motd"), "utf8")).toContain("documentation");
    const profile = join(web1.systemRoot, "nix/var/nix/profiles/system");
    await inside(web1, "nix-env", "-p", profile, "--set", again);
    expect(readlinkSync(profile)).toBe("system-2-link");
    await inside(web1, "nix-env", "-p", profile, "--switch-generation", "1");
    expect(readlinkSync(profile)).toBe("system-1-link");
  },
);
