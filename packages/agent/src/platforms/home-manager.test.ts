import { join } from "node:path";
import { type Exec, exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { hash, makeClosure, makeLinks } from "./closures.fixture.ts";
import { createHomeManagerPlatform, type HomeManagerDeps } from "./home-manager.ts";
import { moveBack } from "./home-manager-programs.ts";

const closure = `/nix/store/${hash}-home-manager-generation`;
const undone = { closure: `/nix/store/${hash.replace(/^./, "z")}-home-manager-generation`, mode: "switch" } as const;

function homeManager(more: Partial<HomeManagerDeps> = {}) {
  return createHomeManagerPlatform({
    hostname: "gate",
    flakeAttr: undefined,
    systemRoot: "",
    env: {},
    user: "ada",
    uid: 1000,
    home: "/home/ada",
    isDarwin: false,
    isUserSystemd: false,
    exec,
    ...more,
  });
}

test("the user's own places come first, Nix's older ones else; both names of the configuration are tried", async () => {
  await using dir = await createTempDir();
  const platform = homeManager({ systemRoot: dir.path, home: join(dir.path, "home") });
  expect(platform.attributes).toEqual([
    'homeConfigurations."ada@gate".activationPackage',
    'homeConfigurations."ada".activationPackage',
  ]);
  expect(await platform.runningClosure()).toBeUndefined();
  expect(await platform.profile()).toBeUndefined();
  const [older, newer] = [await makeClosure(dir.path, "older"), await makeClosure(dir.path, "newer")];
  const shared = "nix/var/nix/profiles/per-user/ada";
  await makeLinks(dir.path, {
    [`${shared}/home-manager-9-link`]: older,
    [`${shared}/home-manager-10-link`]: older,
    [`${shared}/home-manager`]: "home-manager-10-link",
  });
  expect(await platform.readFacts()).toMatchObject({
    running: { closure: older },
    profile: { closure: older, generation: 10 },
    generations: [
      { number: 9, current: false },
      { number: 10, current: true },
    ],
  });
  const own = "home/.local/state";
  await makeLinks(dir.path, {
    [`${own}/nix/profiles/home-manager-1-link`]: newer,
    [`${own}/nix/profiles/home-manager`]: "home-manager-1-link",
    [`${own}/home-manager/gcroots/current-home`]: newer,
  });
  expect(await platform.readFacts()).toMatchObject({ running: { closure: newer }, profile: { closure: newer, generation: 1 } });
  expect(await platform.profile()).toBe(join(dir.path, own, "nix/profiles/home-manager"));
});

test("R29: with a user's own systemd, the activation runs in a unit of that, with the whole session passed on", () => {
  const env = { PATH: "/bin", XDG_RUNTIME_DIR: "/run/user/7", SECRET: "x", NIXFLEET_TOKEN: "x", NIX_CONFIG: "y" };
  const more = { isUserSystemd: true, backupFileExtension: "before" };
  const activation = homeManager({ env, ...more }).activation(closure, "switch");
  expect(activation.argv.slice(-3)).toEqual([`${closure}/activate`, "--driver-version", "1"]);
  expect(activation.unit).toBe("nixfleet-home-activation");
  const session = ["DBUS_SESSION_BUS_ADDRESS", "HOME", "LOGNAME", "NIX_CONFIG", "PATH", "USER", "XDG_RUNTIME_DIR"];
  const passed = [...session, "HOME_MANAGER_BACKUP_EXT"].sort();
  expect(activation.launcher).toEqual([
    ...["systemd-run", "--user", ...passed.flatMap((name) => ["-E", name])],
    ...["--collect", "--no-ask-password", "--quiet", "--service-type=exec"],
    ...["--unit=nixfleet-home-activation", "--wait", "-p", "TimeoutStopSec=3", "--"],
  ]);
  expect(Object.keys(activation.env).sort()).toEqual(passed);
  expect(activation.env).toMatchObject({ HOME_MANAGER_BACKUP_EXT: "before" });
  expect(homeManager({ env }).activation(closure, "switch").env).not.toHaveProperty("HOME_MANAGER_BACKUP_EXT");
});

test("R75: an activation is told that its caller sets the profile, as `home-manager switch` tells each generation", () => {
  const { argv, launcher } = homeManager().activation(closure, "switch");
  expect([...launcher, ...argv]).toEqual([`${closure}/activate`, "--driver-version", "1"]);
});

test("R37: no program holds what systemd-run would take for a variable of its own", () => {
  const platform = homeManager({ isUserSystemd: true });
  const steps = [platform.activation(closure, "switch"), ...platform.undo({ closure, profile: undefined }, undone)];
  const programs = [...steps.map(({ argv }) => argv), ...moveBack("/home/ada", "before", [".bashrc"])];
  expect(programs).toHaveLength(3);
  for (const argv of programs) expect(argv.filter((word) => /\$\{|^\$\w+$/.test(word))).toEqual([]);
});

test("a service manager's bare environment is made whole: where Nix is, and the way to the user's own systemd", () => {
  const { env } = homeManager({ env: { PATH: "/run/wrappers/bin:/bin" } }).activation(closure, "switch");
  expect(env["PATH"]?.split(":")).toEqual([
    "/run/wrappers/bin",
    "/bin",
    "/home/ada/.local/state/nix/profile/bin",
    "/home/ada/.nix-profile/bin",
    "/nix/var/nix/profiles/default/bin",
    "/run/current-system/sw/bin",
    "/usr/local/bin",
    "/usr/bin",
  ]);
  expect(env).toMatchObject({
    XDG_RUNTIME_DIR: "/run/user/1000",
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus",
    HOME: "/home/ada",
    USER: "ada",
  });
  const own = { XDG_RUNTIME_DIR: "/r", DBUS_SESSION_BUS_ADDRESS: "unix:path=/d" };
  expect(homeManager({ env: own }).activation(closure, "switch").env).toMatchObject(own);
  expect(homeManager({ isDarwin: true }).activation(closure, "switch").env).not.toHaveProperty("XDG_RUNTIME_DIR");
});

test("R37: an undo runs in a unit of its own", () => {
  const [inUnit] = homeManager({ isUserSystemd: true }).undo({ closure, profile: { closure, generation: 3 } }, undone);
  expect(inUnit?.launcher.slice(0, 2)).toEqual(["systemd-run", "--user"]);
  expect(inUnit?.launcher).toContain("--unit=nixfleet-home-undo");
  expect(inUnit).toMatchObject({ kind: "activation", unit: "nixfleet-home-undo" });
});

/** Notes what is asked, and answers. */
function recording(answer: (argv: readonly string[]) => string) {
  const asked: { argv: readonly string[]; env: Readonly<Record<string, string>> }[] = [];
  const recorder: Exec = ({ argv, env }) => {
    asked.push({ argv, env });
    const end = { kind: "exited", exitCode: 0 } as const;
    return {
      pid: undefined,
      result: Promise.resolve({ end, aborted: false, stdout: answer(argv), stderr: "", truncated: false }),
    };
  };
  return { asked, exec: recorder };
}

test("failed units and running activations are read from the user's own systemd", async () => {
  const { asked, exec: recorder } = recording((argv) =>
    argv.includes("show") ? "active\n" : '[{"unit":"sync.service","active":"failed","sub":"failed"}]',
  );
  const platform = homeManager({ exec: recorder, isUserSystemd: true });
  expect(await platform.failedUnits()).toEqual(["sync.service"]);
  expect(await platform.activationInProgress()).toBe("nixfleet-home-activation.service is running");
  expect(asked.map(({ argv }) => argv.slice(0, 3))).toEqual([
    ["systemctl", "--user", "list-units"],
    ["systemctl", "--user", "show"],
  ]);
  for (const { env } of asked) expect(env).toMatchObject({ XDG_RUNTIME_DIR: "/run/user/1000" });
  expect(await homeManager({ exec: recorder }).failedUnits()).toBeUndefined();
  expect(await homeManager({ exec: recorder }).activationInProgress()).toBeUndefined();
});

test("on macOS the jobs of the generation's own launch agents are asked for, in the user's domain", async () => {
  await using dir = await createTempDir();
  const made = await makeClosure(dir.path, "home", {
    "LaunchAgents/com.nixfleet.agent.plist": "x",
    "LaunchAgents/org.nix-community.home.syncthing.plist": "x",
  });
  await makeLinks(dir.path, { "home/.local/state/home-manager/gcroots/current-home": made });
  const printed = (argv: readonly string[]) =>
    argv[2]?.endsWith("syncthing") ? "x = {\n\tstate = not running\n\tlast exit code = 1\n}\n" : "x = {\n\tstate = running\n}\n";
  const { asked, exec: recorder } = recording(printed);
  const platform = homeManager({ exec: recorder, isDarwin: true, home: join(dir.path, "home"), uid: 501 });
  expect(await platform.failedUnits()).toEqual(["org.nix-community.home.syncthing"]);
  expect(asked.map(({ argv }) => argv)).toEqual([
    ["/bin/launchctl", "print", "gui/501/com.nixfleet.agent"],
    ["/bin/launchctl", "print", "gui/501/org.nix-community.home.syncthing"],
  ]);
});

test("what is the machine's is not the user's: no reboot, no boot partition, no units to tell of beforehand", async () => {
  const platform = homeManager();
  expect(platform.reboot).toBeUndefined();
  expect(platform.dryActivation(closure)).toBeUndefined();
  expect(await platform.permanentSteps(closure, "switch")).toEqual([]);
  expect([await platform.bootSpace(closure), await platform.rebootReasons(closure)]).toEqual([undefined, []]);
});
