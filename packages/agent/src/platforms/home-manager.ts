import { join } from "node:path";
import { generationNumber, linkedAt, listGenerations, resolveClosure } from "./links.ts";
import type { Platform, SystemFacts } from "./platform.ts";

export interface HomeManagerDeps {
  hostname: string;
  flakeAttr: string | undefined;
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  user: string;
  home: string;
}

/** What a session passes on: Home Manager's activation works with the user's directories, D-Bus and Nix. */
const PASSED_ON = /^(PATH|LANG|LC_ALL|LOCALE_ARCHIVE|TMPDIR|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|NIX_\w+)$/;

/** Standalone Home Manager, switched as `home-manager switch` does: the activation package sets its own profile. */
export function createHomeManagerPlatform({ hostname, flakeAttr, systemRoot, env, user, home }: HomeManagerDeps): Platform {
  const state = env["XDG_STATE_HOME"] ?? join(home, ".local/state");
  const nixState = env["NIX_STATE_DIR"] ?? join(systemRoot, "/nix/var/nix");
  // Newer versions of Home Manager keep both in the user's state directory, older ones below Nix's.
  const profiles = [join(state, "nix/profiles/home-manager"), join(nixState, "profiles/per-user", user, "home-manager")];
  const currents = [
    join(state, "home-manager/gcroots/current-home"),
    join(nixState, "gcroots/per-user", user, "current-home"),
    ...profiles,
  ];
  const profile = () => firstClosure(profiles);
  const running = () => firstClosure(currents);

  return {
    name: "home-manager",
    attributes:
      flakeAttr === undefined
        ? [`${user}@${hostname}`, user].map((name) => `homeConfigurations."${name}".activationPackage`)
        : [flakeAttr],
    modes: ["switch"],
    runningClosure: async () => (await running())?.closure,
    profileClosure: async () => (await profile())?.closure,
    generation: async () => generationOf(await profile()),
    setProfile: async () => undefined,
    activation: (closure) => ({
      argv: [join(closure, "activate")],
      env: {
        ...Object.fromEntries(
          Object.entries(env).flatMap(([name, value]) => (value !== undefined && PASSED_ON.test(name) ? [[name, value]] : [])),
        ),
        HOME: home,
        USER: user,
        LOGNAME: user,
        ...(systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }),
      },
      launcher: [],
      unit: null,
    }),
    async readFacts() {
      const facts: SystemFacts = {};
      const now = await running();
      const set = await profile();
      if (now !== undefined) {
        const since = await linkedAt(now.link);
        facts.running = { closure: now.closure, ...(since === undefined ? {} : { since }) };
      }
      if (set !== undefined) {
        const generation = await generationOf(set);
        facts.profile = { closure: set.closure, ...(generation === undefined ? {} : { generation }) };
        facts.generations = await listGenerations(set.link);
      }
      return facts;
    },
  };
}

interface Linked {
  link: string;
  closure: string;
}

async function firstClosure(links: readonly string[]): Promise<Linked | undefined> {
  for (const link of links) {
    const closure = await resolveClosure(link);
    if (closure !== undefined) return { link, closure };
  }
  return undefined;
}

async function generationOf(linked: Linked | undefined): Promise<number | undefined> {
  return linked === undefined ? undefined : generationNumber(linked.link);
}
