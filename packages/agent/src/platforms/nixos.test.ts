import { lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Exec, exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createPlatform } from "./choose.ts";
import { hash, makeClosure, makeLinks } from "./closures.fixture.ts";
import { createNixosPlatform, type NixosDeps } from "./nixos.ts";

const closure = `/nix/store/${hash}-nixos-system-gate-25.11`;
const other = `/nix/store/${hash}-nixos-system-gate-26.05`;
const profiles = "nix/var/nix/profiles";

function nixos(systemRoot: string, isSystemd: boolean, more: Partial<NixosDeps> = {}) {
  return createNixosPlatform({ hostname: "gate", flakeAttr: undefined, systemRoot, env: {}, isSystemd, exec, ...more });
}

test("with systemd, an activation runs in the unit that nixos-rebuild uses, with what nixos-rebuild passes on", () => {
  const env = { LOCALE_ARCHIVE: "/l", NIXOS_INSTALL_BOOTLOADER: "1", SECRET: "x", PATH: "/bin" };
  const activation = nixos("", true, { env }).activation(closure, "switch");
  expect(activation.argv).toEqual([`${closure}/bin/switch-to-configuration`, "test"]);
  expect(activation.unit).toBe("nixos-rebuild-switch-to-configuration");
  expect(activation.launcher).toEqual([
    "systemd-run",
    ...["-E", "LOCALE_ARCHIVE", "-E", "NIXOS_INSTALL_BOOTLOADER"],
    ...["--collect", "--no-ask-password", "--quiet", "--service-type=exec"],
    ...["--unit=nixos-rebuild-switch-to-configuration", "--wait", "-p", "TimeoutStopSec=3", "--"],
  ]);
  expect(activation.env).toEqual({ LOCALE_ARCHIVE: "/l", NIXOS_INSTALL_BOOTLOADER: "1", PATH: "/bin" });
});

test("without systemd there is no launcher, and no reboot; a shared machine's root is passed on", () => {
  const platform = nixos("/elsewhere", false, { env: { PATH: "/bin" } });
  const activation = platform.activation(closure, "switch");
  expect(activation).toMatchObject({ launcher: [], unit: null, env: { PATH: "/bin", NIXFLEET_SYSTEM_ROOT: "/elsewhere" } });
  expect(platform.reboot).toBeUndefined();
  expect(nixos("", true).reboot).toEqual(["systemctl", "reboot"]);
});

test("a command of the host's own replaces the activation's steps, not those of an undo", async () => {
  const deps = { platform: "nixos", hostname: "gate", flakeAttr: undefined, systemRoot: "/r", env: {}, exec } as const;
  const platform = createPlatform({ ...deps, activationCommand: "/etc/activate" });
  expect(platform.activation(closure, "switch").argv).toEqual(["/etc/activate", closure, "test"]);
  const before = { closure: other, profile: { closure: other, generation: 7 } };
  const deployment = { closure, mode: "switch" } as const;
  expect(platform.undo(before, deployment)).toEqual(createPlatform(deps).undo(before, deployment));
});

test("R82: a switch activates as `test`; profile and boot entry follow, and mode boot has only those; mode test has neither", async () => {
  await using dir = await createTempDir();
  const platform = nixos(dir.path, true);
  const profile = join(dir.path, profiles, "system");
  const words = async (...of: Parameters<typeof platform.permanentSteps>) =>
    (await platform.permanentSteps(...of)).map(({ kind, argv, unit }) => ({ kind, argv, unit }));
  for (const mode of ["switch", "test"] as const) expect(platform.activation(closure, mode).argv[1]).toBe("test");
  const set = { kind: "profile", argv: ["nix-env", "-p", profile, "--set", closure], unit: null };
  const entry = {
    kind: "boot-entry",
    argv: [`${closure}/bin/switch-to-configuration`, "boot"],
    unit: "nixos-rebuild-switch-to-configuration",
  };
  expect(await words(closure, "switch")).toEqual([set, entry]);
  expect(await words(closure, "boot")).toEqual([set, entry]);
  expect(await words(closure, "test")).toEqual([]);
  expect((await words(closure, "switch", 9))[0]?.argv).toEqual(["nix-env", "-p", profile, "--switch-generation", "9"]);
});

test("names with a dot stay one name", () => {
  expect(nixos("/r", false).attributes).toEqual(['nixosConfigurations."gate".config.system.build.toplevel']);
});

const switched = { closure: other, mode: "switch" } as const;

test("R37: an undo puts the profile back first, by its generation, then runs the previous closure's own activator, without its checks", () => {
  const platform = nixos("", true, { env: { PATH: "/bin", LOCALE_ARCHIVE: "/l", SECRET: "x" } });
  const [profile, link, activation, entry, ...rest] = platform.undo({ closure, profile: { closure, generation: 41 } }, switched);
  expect(profile?.argv).toEqual(["nix-env", "-p", "/nix/var/nix/profiles/system", "--switch-generation", "41"]);
  expect(link?.argv.slice(3)).toEqual(["nixfleet-profile", "/nix/var/nix/profiles/system", "system-41-link", closure]);
  expect([profile, link, activation, entry].map((step) => step?.kind)).toEqual([
    "profile",
    "profile",
    "activation",
    "boot-entry",
  ]);
  for (const step of [activation, entry]) {
    expect(step?.launcher).toEqual([
      "systemd-run",
      ...["-E", "LOCALE_ARCHIVE", "-E", "NIXOS_NO_CHECK"],
      ...["--collect", "--no-ask-password", "--quiet", "--service-type=exec"],
      ...["--unit=nixfleet-undo", "--wait", "-p", "TimeoutStopSec=3", "--"],
    ]);
    expect(step?.unit).toBe("nixfleet-undo");
    expect(step?.env).toEqual({ PATH: "/bin", LOCALE_ARCHIVE: "/l", NIXOS_NO_CHECK: "1" });
  }
  expect(profile?.unit).toBeNull();
  expect(activation?.argv).toEqual([`${closure}/bin/switch-to-configuration`, "test"]);
  expect(entry?.argv).toEqual([`${closure}/bin/switch-to-configuration`, "boot"]);
  expect(rest).toEqual([]);
});

test("R37: where Nix cannot set the profile, on a full disk for one, its link is put back by hand, and else left alone", async () => {
  await using dir = await createTempDir();
  const [old, broken] = [await makeClosure(dir.path, "old", {}), await makeClosure(dir.path, "broken", {})];
  const directory = join(dir.path, profiles);
  await makeLinks(dir.path, {
    [`${profiles}/system-41-link`]: old,
    [`${profiles}/system-42-link`]: broken,
    [`${profiles}/system`]: "system-42-link",
  });
  const platform = nixos(dir.path, false, { env: { PATH: process.env["PATH"] } });
  const step = platform.undo({ closure: old, profile: { closure: old, generation: 41 } }, switched)[1];
  const put = () => step && exec({ argv: step.argv, env: step.env }).result;

  expect(await put()).toMatchObject({ end: { kind: "exited", exitCode: 0 } });
  expect(await platform.profileClosure()).toBe(old);
  expect(await platform.generation()).toBe(41);
  const { ctimeMs } = await lstat(join(directory, "system"));
  expect(await put()).toMatchObject({ end: { kind: "exited", exitCode: 0 } });
  expect((await lstat(join(directory, "system"))).ctimeMs).toBe(ctimeMs);
  expect((await readdir(directory)).sort()).toEqual(["system", "system-41-link", "system-42-link"]);
});

test("R37: without a generation the profile is set to the closure; mode test leaves the profile alone", () => {
  const platform = nixos("/r", false);
  const words = (...of: Parameters<typeof platform.undo>) => platform.undo(...of).map(({ argv }) => argv.slice(-2));
  const activator = (of: string) => `${of}/bin/switch-to-configuration`;
  expect(words({ closure, profile: { closure, generation: undefined } }, switched)).toEqual([
    ["--set", closure],
    [activator(closure), "test"],
    [activator(closure), "boot"],
  ]);
  expect(words({ closure, profile: undefined }, switched)[0]).toEqual(["--set", closure]);
  const before = { closure, profile: { closure, generation: 1 } };
  expect(words(before, { ...switched, mode: "test" })).toEqual([[activator(closure), "test"]]);
  expect(words(before, { ...switched, mode: "boot" })).toEqual([
    ["--switch-generation", "1"],
    ["system-1-link", closure],
    [activator(closure), "boot"],
  ]);
});

test("R37: what only waited for its boot before is what the machine boots again after an undo", () => {
  const before = { closure, profile: { closure: other, generation: 8 } };
  expect(
    nixos("/r", false)
      .undo(before, switched)
      .map(({ argv }) => argv.slice(-2)),
  ).toEqual([
    ["--switch-generation", "8"],
    ["system-8-link", other],
    [`${closure}/bin/switch-to-configuration`, "test"],
    [`${other}/bin/switch-to-configuration`, "boot"],
  ]);
});

test("R63: what is not as it was meant is told: what runs, the profile, /etc, and the default boot entry where it can be seen", async () => {
  await using dir = await createTempDir();
  const [meant, wrong] = [
    await makeClosure(dir.path, "meant", { "etc/hostname": "gate\n" }),
    await makeClosure(dir.path, "wrong", { "etc/hostname": "gate\n" }),
  ];
  const differences = async () =>
    (await nixos(dir.path, false).differences({ running: meant, profile: meant, replaced: wrong })).map(({ what }) => what);
  expect(await differences()).toEqual(["running", "profile", "/etc/static"]);
  await makeLinks(dir.path, {
    "run/current-system": meant,
    "etc/static": `${wrong}/etc`,
    [`${profiles}/system-7-link`]: meant,
    [`${profiles}/system`]: "system-7-link",
  });
  expect(await differences()).toEqual(["/etc/static"]);
  // With `system.etc.overlay` /etc is a mount, which has no such link.
  const lower = `/nix/store/${hash}-etc-lowerdir`;
  await writeFile(join(meant, "activate"), `mount --type overlay overlay --options lowerdir=$tmp::${lower},ro /etc\n`);
  expect(await differences()).toEqual([]);
  await rm(join(meant, "activate"));
  await rm(join(dir.path, "etc/static"));
  await makeLinks(dir.path, { "etc/static": `${meant}/etc` });
  expect(await differences()).toEqual([]);

  const entry = (of: string) => `title NixOS\nlinux /EFI/nixos/x.efi\noptions init=${of}/init loglevel=4\n`;
  for (const [place, name] of [
    ["boot", "nixos-generation-7.conf"],
    ["efi", "nixos-generation-7+2-1.conf"],
  ] as const) {
    const loader = join(dir.path, place, "loader");
    await mkdir(join(loader, "entries"), { recursive: true });
    await writeFile(join(loader, "loader.conf"), "timeout 5\ndefault nixos-generation-7.conf\nconsole-mode keep\n");
    await writeFile(join(loader, "entries", name), entry(wrong));
    expect(await differences()).toEqual(["boot entry"]);
    await writeFile(join(loader, "entries", name), entry(meant));
    expect(await differences()).toEqual([]);
    await rm(join(dir.path, place), { recursive: true });
  }
  expect(await nixos(dir.path, false).differences({ running: meant, profile: null, replaced: null })).toEqual([]);
});

test("what an activation would do is asked of the closure itself", () => {
  const dry = nixos("", true).dryActivation(closure);
  expect(dry).toMatchObject({ argv: [`${closure}/bin/switch-to-configuration`, "dry-activate"], launcher: [], unit: null });
});

test("R24: what cannot be read is absent; R16: running, booted and profile are three facts", async () => {
  await using dir = await createTempDir();
  expect(await nixos(dir.path, false).readFacts()).toEqual({ generations: [] });
  expect(await nixos(dir.path, false).profile()).toBeUndefined();

  const make = (name: string, kernel: string) => makeClosure(dir.path, name, { kernel });
  const [old, running, next] = [await make("a", "6.1"), await make("b", "6.2"), await make("c", "6.2")];
  await makeLinks(dir.path, {
    "run/current-system": running,
    "run/booted-system": old,
    [`${profiles}/system-9-link`]: old,
    [`${profiles}/system-10-link`]: next,
    [`${profiles}/system`]: "system-10-link",
    [`${profiles}/system-1-linked`]: old,
  });

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
  expect(await nixos(dir.path, false).profile()).toBe(join(dir.path, profiles, "system"));
});

test("only what is in both closures with different values inhibits a switch, and is a reason for a reboot", async () => {
  await using dir = await createTempDir();
  const inhibitors = (names: Record<string, string>) => ({ "switch-inhibitors": JSON.stringify(names) });
  const running = await makeClosure(dir.path, "a", inhibitors({ systemd: "/s/257", dbus: "broker", gone: "1" }));
  const next = await makeClosure(dir.path, "b", inhibitors({ systemd: "/s/258", dbus: "broker", added: "1" }));
  const older = await makeClosure(dir.path, "c");
  const list = await makeClosure(dir.path, "d", { "switch-inhibitors": "/s/257\n/s/258\n" });
  const platform = nixos(dir.path, false);
  expect(await platform.switchInhibitors(next)).toEqual([]);
  await makeLinks(dir.path, { "run/current-system": running, "run/booted-system": running });

  expect(await platform.switchInhibitors(next)).toEqual(["systemd"]);
  expect(await platform.rebootReasons(next)).toEqual(["systemd"]);
  expect(await platform.switchInhibitors(running)).toEqual([]);
  expect(await platform.switchInhibitors(older)).toEqual([]);
  expect(await platform.switchInhibitors(list)).toEqual([]);
});

test("another interface to init inhibits a switch, and is a reason for a reboot", async () => {
  await using dir = await createTempDir();
  const make = (name: string, init: string) => makeClosure(dir.path, name, { "init-interface-version": init });
  const [running, same, next] = [await make("a", "systemd 2"), await make("b", "systemd 2"), await make("c", "systemd 3")];
  const none = await makeClosure(dir.path, "d");
  const platform = nixos(dir.path, false);
  await makeLinks(dir.path, { "run/current-system": running, "run/booted-system": running });

  expect(await platform.switchInhibitors(next)).toEqual(["init"]);
  expect(await platform.rebootReasons(next)).toEqual(["init"]);
  expect(await platform.switchInhibitors(same)).toEqual([]);
  expect(await platform.switchInhibitors(none)).toEqual([]);
});

test("the boot partition needs what it does not have yet of kernel and initrd; without one of its own nothing is asked", async () => {
  await using dir = await createTempDir();
  const kernel = await makeClosure(dir.path, "linux", { bzImage: "x".repeat(1000) });
  const initrd = await makeClosure(dir.path, "initrd", { initrd: "y".repeat(500) });
  const newer = await makeClosure(dir.path, "linux-newer", { bzImage: "x".repeat(1100) });
  const system = async (name: string, image: string) => {
    const made = await makeClosure(dir.path, name);
    await makeLinks(made, { kernel: `${image}/bzImage`, initrd: `${initrd}/initrd` });
    return made;
  };
  const [first, second] = [await system("a", kernel), await system("b", newer)];
  const disks = (boot: number) => ({
    device: async (path: string) => (path === `${dir.path}/boot/.` ? boot : 1),
    statfs: async () => ({ bsize: 512, blocks: 100, bfree: 20, bavail: 10 }),
  });
  expect(await nixos(dir.path, false, { disks: disks(2) }).bootSpace(first)).toEqual({
    place: "/boot",
    needed: 1500,
    free: 5120,
  });
  await makeLinks(dir.path, { "run/current-system": first });
  expect(await nixos(dir.path, false, { disks: disks(2) }).bootSpace(first)).toEqual({ place: "/boot", needed: 0, free: 5120 });
  expect(await nixos(dir.path, false, { disks: disks(2) }).bootSpace(second)).toEqual({
    place: "/boot",
    needed: 1100,
    free: 5120,
  });
  expect(await nixos(dir.path, false, { disks: disks(1) }).bootSpace(second)).toBeUndefined();
  await makeLinks(dir.path, { [`${profiles}/system-3-link`]: second });
  expect(await nixos(dir.path, false, { disks: disks(2) }).bootSpace(second)).toEqual({ place: "/boot", needed: 0, free: 5120 });
});

test("the boot partition is the one that the boot loader copies kernels to, wherever it is mounted", async () => {
  await using dir = await createTempDir();
  const image = await makeClosure(dir.path, "linux", { bzImage: "x".repeat(1000) });
  const system = await makeClosure(dir.path, "a");
  await makeLinks(system, { kernel: `${image}/bzImage`, initrd: `${image}/bzImage` });
  const mounted = (...places: string[]) => ({
    device: async (path: string) => places.findIndex((place) => path === `${dir.path}${place}/.`) + 1,
    statfs: async (path: string) => ({ bsize: 1, blocks: 9000, bfree: 9000, bavail: path.length - dir.path.length }),
  });
  const place = async (...places: string[]) =>
    (await nixos(dir.path, false, { disks: mounted(...places) }).bootSpace(system))?.place;
  expect(await place()).toBeUndefined();
  // GRUB alone is on these, and reads kernels from the root.
  expect(await place("/efi")).toBeUndefined();
  expect(await place("/boot/efi")).toBeUndefined();
  await mkdir(join(dir.path, "efi/EFI/nixos"), { recursive: true });
  expect(await place("/efi")).toBe("/efi");
  await rm(join(dir.path, "efi/EFI/nixos"), { recursive: true });
  // Extended partition and EFI system partition, without a hint: the first holds kernels.
  expect(await place("/boot", "/efi")).toBe("/boot");
  // GRUB installs itself to the EFI system partition, and keeps kernels in /boot.
  await mkdir(join(dir.path, "boot/kernels"), { recursive: true });
  await mkdir(join(dir.path, "boot/efi/EFI"), { recursive: true });
  expect(await place("/boot", "/boot/efi")).toBe("/boot");
  await rm(join(dir.path, "boot/kernels"), { recursive: true });
  await mkdir(join(dir.path, "boot/efi/EFI/nixos"), { recursive: true });
  expect(await place("/boot/efi")).toBe("/boot/efi");
  expect(await place("/boot", "/boot/efi")).toBe("/boot/efi");
});

test("an activation of another is seen by its unit, or by the lock that switch-to-configuration holds", async () => {
  await using dir = await createTempDir();
  const bin = join(dir.path, "bin");
  await mkdir(bin);
  const systemctl = `#!/bin/sh\necho "$*" >> ${dir.path}/asked\ncat ${dir.path}/state\n`;
  await writeFile(join(bin, "systemctl"), systemctl, { mode: 0o755 });
  await writeFile(join(dir.path, "state"), "inactive\n");
  const env = { PATH: `${bin}:${process.env["PATH"]}` };
  const platform = nixos(dir.path, true, { env });
  expect(await platform.activationInProgress()).toBeUndefined();
  await writeFile(join(dir.path, "state"), "activating\n");
  expect(await platform.activationInProgress()).toBe("nixos-rebuild-switch-to-configuration.service is running");

  const lock = join(dir.path, "run/nixos/switch-to-configuration.lock");
  await mkdir(join(dir.path, "run/nixos"), { recursive: true });
  await writeFile(lock, "");
  const alone = nixos(dir.path, false);
  expect(await alone.activationInProgress()).toBeUndefined();
  const stop = new AbortController();
  const locked = Promise.withResolvers<void>();
  const holder = exec({
    argv: ["flock", "--no-fork", lock, "sh", "-c", "echo locked; exec sleep 60"],
    env,
    signal: stop.signal,
    onStdout: () => locked.resolve(),
  });
  await locked.promise;
  expect(await alone.activationInProgress()).toBe(`process ${holder.pid} holds ${lock}`);
  stop.abort();
  await holder.result;
  expect(await alone.activationInProgress()).toBeUndefined();
});

test("failed units are the system's own, as systemctl lists them; absent without systemd", async () => {
  const asked: string[][] = [];
  const recording: Exec = ({ argv }) => {
    asked.push([...argv]);
    const stdout = '[{"unit":"backup.service","load":"loaded","active":"failed","sub":"failed","description":"x"}]';
    const end = { kind: "exited", exitCode: 0 } as const;
    return { pid: undefined, result: Promise.resolve({ end, aborted: false, stdout, stderr: "", truncated: false }) };
  };
  expect(await nixos("", true, { exec: recording }).failedUnits()).toEqual(["backup.service"]);
  expect(asked).toEqual([
    ["systemctl", "list-units", "--state=failed,auto-restart,auto-restart-queued", "--output=json", "--no-pager"],
  ]);
  expect(await nixos("", false, { exec: recording }).failedUnits()).toBeUndefined();
});
