import { existsSync } from "node:fs";
import { mkdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describeEnd, exec, succeeded } from "@nixfleet/runtime";
import { createNixEnv, type GitFixture } from "@nixfleet/testkit";
import type { Places } from "./places.ts";

/** What the demo shows of the platforms: the others would be alike. */
type DemoPlatform = "nixos" | "home-manager";

/** A host of the demo: an agent of its own, with its own Nix store, profiles and home, on this machine. */
export interface DemoHost {
  readonly name: string;
  readonly platform: DemoPlatform;
  /** What it was installed from: the number of the config repository's commit, from the oldest. */
  readonly installedFrom: number;
  /** Attribute of the flake that its installer built. */
  readonly attribute: string;
  /** The specialisation of that which it was booted into. */
  readonly specialisation?: string;
  readonly settings: Readonly<Record<string, string>>;
}

const nixos = (name: string) => `nixosConfigurations.${name}.config.system.build.toplevel`;

export const demoHosts: readonly DemoHost[] = [
  {
    name: "web1",
    platform: "nixos",
    installedFrom: 0,
    attribute: nixos("web1"),
    settings: {
      NIXFLEET_TAGS: "web,public",
      NIXFLEET_LOCATION: "cloud",
      NIXFLEET_DEVICE_TYPE: "server",
      NIXFLEET_THEME_COLOR: "#5277c3",
    },
  },
  {
    name: "db1",
    platform: "nixos",
    installedFrom: 0,
    attribute: nixos("db1"),
    specialisation: "maintenance",
    settings: {
      NIXFLEET_TAGS: "database",
      NIXFLEET_LOCATION: "home",
      NIXFLEET_DEVICE_TYPE: "server",
      NIXFLEET_THEME_COLOR: "#2a9d8f",
    },
  },
  {
    name: "laptop",
    platform: "home-manager",
    installedFrom: 1,
    attribute: 'homeConfigurations."ada@laptop".activationPackage',
    settings: {
      NIXFLEET_TAGS: "portable",
      NIXFLEET_LOCATION: "home",
      NIXFLEET_DEVICE_TYPE: "laptop",
      NIXFLEET_THEME_COLOR: "#b5838d",
      USER: "ada",
    },
  },
];

export interface HostMachine {
  readonly host: DemoHost;
  /** What everything on this host finds in its environment. */
  readonly env: Record<string, string>;
  readonly systemRoot: string;
  readonly tokenFile: string;
}

/** Makes the directories of a host, and says with which environment its programs run. `path` is their PATH. */
export async function prepareMachine(host: DemoHost, places: Places, path: string): Promise<HostMachine> {
  const root = places.host(host.name);
  const systemRoot = join(root, "root");
  await mkdir(join(systemRoot, "run"), { recursive: true });
  await mkdir(join(systemRoot, "nix/var/nix/profiles"), { recursive: true });
  const { env } = await createNixEnv(join(root, "nix"), path);
  const home = join(root, "home");
  await mkdir(home, { recursive: true });
  return { host, systemRoot, tokenFile: join(root, "token"), env: { ...env, HOME: home, NIXFLEET_SYSTEM_ROOT: systemRoot } };
}

/**
 * Installs a host as a person would have before there was NixFleet: builds an early commit of the config repository and
 * activates it by hand. A host that runs something is left as it is.
 */
export async function installMachine({ host, env, systemRoot }: HostMachine, config: GitFixture): Promise<void> {
  const install = INSTALLERS[host.platform];
  if (existsSync(install.running({ env, systemRoot }))) return;

  const commits = (await config.git("rev-list", "--reverse", "HEAD")).split("\n");
  const commit = commits[host.installedFrom] ?? commits.at(-1) ?? "HEAD";
  const run: Run = async (...argv) => {
    const result = await exec({ argv, env }).result;
    if (succeeded(result)) return result.stdout.trim();
    throw new Error(`${host.name} could not be installed: ${argv[0]}: ${describeEnd(result.end)}\n${result.stderr}`);
  };
  const derivation = await run(
    "nix",
    "eval",
    "--raw",
    "--no-update-lock-file",
    `git+file://${config.workTree}?rev=${commit}#${host.attribute}.drvPath`,
  );
  const closure = await run("nix-store", "--realise", derivation);
  await install.activate({ closure, specialisation: host.specialisation }, run, systemRoot);
}

type Run = (...argv: [string, ...string[]]) => Promise<string>;

interface Installer {
  /** The link to what the host runs. */
  running(machine: Pick<HostMachine, "env" | "systemRoot">): string;
  activate(installed: { closure: string; specialisation: string | undefined }, run: Run, systemRoot: string): Promise<void>;
}

const INSTALLERS: Record<DemoPlatform, Installer> = {
  nixos: {
    running: ({ systemRoot }) => join(systemRoot, "run/current-system"),
    async activate({ closure, specialisation }, run, systemRoot) {
      await run("nix-env", "-p", join(systemRoot, "nix/var/nix/profiles/system"), "--set", closure);
      const booted = specialisation === undefined ? closure : await realpath(join(closure, "specialisation", specialisation));
      await symlink(booted, join(systemRoot, "run/booted-system"));
      // As a boot does, or a switch by hand: the profile stays the configuration's.
      await run(join(booted, "bin/switch-to-configuration"), specialisation === undefined ? "switch" : "test");
    },
  },
  "home-manager": {
    running: ({ env }) => join(env["HOME"] ?? "", ".local/state/home-manager/gcroots/current-home"),
    async activate({ closure }, run) {
      await run(join(closure, "activate"));
    },
  },
};
