import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createHomeManagerPlatform } from "./home-manager.ts";
import { createNixosPlatform } from "./nixos.ts";

const hash = "sn3sxk6b7myhr3sdbn7rri2y00ww7n6p";
const closure = `/nix/store/${hash}-nixos-system-gate-25.11`;

function nixos(systemRoot: string, isSystemd: boolean, env: Record<string, string> = {}) {
  return createNixosPlatform({ hostname: "gate", flakeAttr: undefined, systemRoot, env, isSystemd, exec });
}

test("with systemd, an activation runs in the unit that nixos-rebuild uses, with what nixos-rebuild passes on", () => {
  const env = { LOCALE_ARCHIVE: "/l", NIXOS_INSTALL_BOOTLOADER: "1", SECRET: "x", PATH: "/bin" };
  const activation = nixos("", true, env).activation(closure, "switch");
  expect(activation.argv).toEqual([`${closure}/bin/switch-to-configuration`, "switch"]);
  expect(activation.unit).toBe("nixos-rebuild-switch-to-configuration");
  expect(activation.launcher).toEqual([
    "systemd-run",
    ...["-E", "LOCALE_ARCHIVE", "-E", "NIXOS_INSTALL_BOOTLOADER"],
    ...["--collect", "--no-ask-password", "--quiet", "--service-type=exec"],
    ...["--unit=nixos-rebuild-switch-to-configuration", "--wait", "-p", "TimeoutStopSec=3", "--"],
  ]);
  expect(activation.env).toEqual({ LOCALE_ARCHIVE: "/l", NIXOS_INSTALL_BOOTLOADER: "1", PATH: "/bin" });
});

test("without systemd there is no launcher; a shared machine's root is passed on", () => {
  const activation = nixos("/elsewhere", false, { PATH: "/bin" }).activation(closure, "boot");
  expect(activation).toMatchObject({ launcher: [], unit: null, env: { PATH: "/bin", NIXFLEET_SYSTEM_ROOT: "/elsewhere" } });
});

test("mode test sets no profile, the others do; names with a dot stay one name", async () => {
  await using dir = await createTempDir();
  const platform = nixos(dir.path, false);
  const profile = join(dir.path, "nix/var/nix/profiles/system");
  expect(await platform.setProfile(closure, "test")).toBeUndefined();
  expect(await platform.setProfile(closure, "boot")).toEqual(["nix-env", "-p", profile, "--set", closure]);
  expect(platform.attributes).toEqual(['nixosConfigurations."gate".config.system.build.toplevel']);
});

test("R24: what cannot be read is absent; R16: running, booted and profile are three facts", async () => {
  await using dir = await createTempDir();
  expect(await nixos(dir.path, false).readFacts()).toEqual({ generations: [] });

  const store = join(dir.path, "store");
  const make = async (name: string, kernel: string) => {
    const path = join(store, `${hash}-${name}`);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "kernel"), kernel);
    return path;
  };
  const [old, running, next] = [await make("a", "6.1"), await make("b", "6.2"), await make("c", "6.2")];
  const profiles = join(dir.path, "nix/var/nix/profiles");
  await mkdir(profiles, { recursive: true });
  await mkdir(join(dir.path, "run"));
  await symlink(running, join(dir.path, "run/current-system"));
  await symlink(old, join(dir.path, "run/booted-system"));
  await symlink(old, join(profiles, "system-9-link"));
  await symlink(next, join(profiles, "system-10-link"));
  await symlink("system-10-link", join(profiles, "system"));
  await symlink(old, join(profiles, "system-1-linked"));

  expect(await nixos(dir.path, false).readFacts()).toMatchObject({
    running: { closure: running, since: expect.any(Number) },
    booted: { closure: old },
    profile: { closure: next, generation: 10 },
    generations: [
      { number: 9, closure: old, current: false },
      { number: 10, closure: next, current: true },
    ],
    reboot: { needed: true, reasons: ["kernel"] },
  });
});

test("Home Manager: the user's own places first, Nix's older ones else; both names of the configuration are tried", async () => {
  await using dir = await createTempDir();
  const home = join(dir.path, "home");
  const deps = {
    hostname: "gate",
    flakeAttr: undefined,
    systemRoot: dir.path,
    env: { SECRET: "x", NIX_CONFIG: "y" },
    user: "ada",
    home,
  };
  const platform = createHomeManagerPlatform(deps);
  expect(platform.attributes).toEqual([
    'homeConfigurations."ada@gate".activationPackage',
    'homeConfigurations."ada".activationPackage',
  ]);
  expect(await platform.runningClosure()).toBeUndefined();
  const generation = join(dir.path, "store", `${hash}-home-manager-generation`);
  await mkdir(generation, { recursive: true });
  const older = join(dir.path, "nix/var/nix/profiles/per-user/ada");
  await mkdir(older, { recursive: true });
  await symlink(generation, join(older, "home-manager-3-link"));
  await symlink("home-manager-3-link", join(older, "home-manager"));
  expect(await platform.readFacts()).toMatchObject({
    running: { closure: generation },
    profile: { closure: generation, generation: 3 },
    generations: [{ number: 3, current: true }],
  });
  expect(platform.activation(generation, "switch").env).toEqual({
    NIX_CONFIG: "y",
    HOME: home,
    USER: "ada",
    LOGNAME: "ada",
    NIXFLEET_SYSTEM_ROOT: dir.path,
  });
});
