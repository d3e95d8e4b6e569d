import { join } from "node:path";
import { PLATFORM_TRAITS } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { pathWith } from "../environment.ts";
import { isAgentPlist } from "../launchd/agent-jobs.ts";
import { createLaunchd } from "../launchd/launchd.ts";
import { readHomeWaysIn } from "../lock-out/read-ways-in.ts";
import { isAgentUnit } from "../systemd/agent-units.ts";
import { createSystemd, hasUserManager } from "../systemd/systemd.ts";
import { filesInTheWay, linkDifferences, packageDifferences } from "./home-manager-links.ts";
import { activate, type HomePlaces, moveBack, PROFILE, setProfile, undoActivation } from "./home-manager-programs.ts";
import { unitDifferences } from "./home-manager-units.ts";
import { readServiceFiles } from "./installed-agent.ts";
import { generationNumber, linkedAt, listGenerations, resolve, resolveClosure } from "./links.ts";
import type { HostStep, Platform, SystemFacts } from "./platform.ts";
import { listSpecialisations } from "./specialisations.ts";
import { compareClosures } from "./system-profile.ts";

export interface HomeManagerDeps {
  hostname: string;
  flakeAttr: string | undefined;
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  user: string;
  uid: number;
  home: string;
  /** macOS, where launchd starts what systemd starts elsewhere. */
  isDarwin: boolean;
  /** Whether the user has a systemd of their own; never where hosts share a machine. */
  isUserSystemd?: boolean;
  /** What Home Manager appends to the names of files that are in its way; undefined: it does not activate then. */
  backupFileExtension?: string | undefined;
  exec: Exec;
}

/** systemd refuses a second unit of a name, so two activations of this agent never run at once. */
const UNIT = "nixfleet-home-activation";
const UNDO_UNIT = "nixfleet-home-undo";

/** What a session passes on: Home Manager's activation works with the user's directories, D-Bus and Nix. */
const PASSED_ON = /^(PATH|LANG|LC_ALL|LOCALE_ARCHIVE|TMPDIR|SSL_CERT_FILE|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|NIX_\w+)$/;

/** Programs of an undo that move files back, at most: the armed record holds ten programs. */
const MOVES = 9;

/**
 * Standalone Home Manager, switched as `home-manager switch` does, but for the order: where the activation leaves the profile to its
 * caller (generations with a `gen-version`, since 25.11), it is set when the generation was confirmed. Links and units are the new
 * generation's from the activation on, over a boot too: Home Manager knows no other way (docs/decisions/0064).
 */
export function createHomeManagerPlatform(deps: HomeManagerDeps): Platform {
  const { hostname, flakeAttr, systemRoot, env, user, uid, home, isDarwin, backupFileExtension, exec } = deps;
  const state = env["XDG_STATE_HOME"] ?? join(home, ".local/state");
  const nixState = env["NIX_STATE_DIR"] ?? join(systemRoot, "/nix/var/nix");
  const places: HomePlaces = {
    current: join(state, "home-manager/gcroots/current-home"),
    profiles: join(state, "nix/profiles"),
    sharedProfiles: join(nixState, "profiles/per-user", user),
  };
  const profiles = [places.profiles, places.sharedProfiles].map((directory) => join(directory, PROFILE));
  const currents = [places.current, join(nixState, "gcroots/per-user", user, "current-home"), ...profiles];
  const profile = () => firstClosure(profiles);
  const running = () => firstClosure(currents);

  const sessionEnv = userSession(deps, state);
  const isUserSystemd = deps.isUserSystemd ?? (!isDarwin && systemRoot === "" && hasUserManager(env["XDG_RUNTIME_DIR"]));
  const activationEnv = {
    ...sessionEnv,
    HOME: home,
    USER: user,
    LOGNAME: user,
    ...(systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }),
  };
  const systemd = isUserSystemd ? createSystemd({ exec, scope: "user", env: sessionEnv }) : undefined;
  const launchd = createLaunchd({ exec, domain: `gui/${uid}` });
  const inUnit = (unit: string, more: readonly string[] = []) => ({
    launcher: systemd?.launcher({ unit, variables: [...Object.keys(activationEnv), ...more].sort() }) ?? [],
    unit: systemd === undefined ? null : unit,
  });
  const step = (kind: HostStep["kind"], argv: HostStep["argv"], where: Pick<HostStep, "launcher" | "unit">): HostStep => ({
    kind,
    argv,
    env: activationEnv,
    ...where,
  });

  return {
    name: "home-manager",
    ...PLATFORM_TRAITS["home-manager"],
    unitsFailedExitCode: undefined,
    bootActivates: false,
    // As `home-manager switch --specialisation` has it: the profile is the configuration's. Before its caller set that, one that was
    // activated took the profile for itself; what is activated by its path, as the manual says, still does (specialisation.nix).
    specialisations: {
      of: async (closure) => ((await setsNoProfile(closure)) ? listSpecialisations(closure) : []),
      becomeGenerations: true,
    },
    sessionEnv: isDarwin ? {} : { XDG_RUNTIME_DIR: `/run/user/${uid}` },
    serviceManager: isDarwin && systemRoot === "" ? launchd : systemd,
    attributes:
      flakeAttr === undefined
        ? [`${user}@${hostname}`, user].map((name) => `homeConfigurations."${name}".activationPackage`)
        : [flakeAttr],
    modes: ["switch"],
    runningClosure: async () => (await running())?.closure,
    profileClosure: async () => (await profile())?.closure,
    generation: async () => generationOf(await profile()),
    profile: async () => (await profile())?.link,
    activation: (closure) => ({
      argv: activate(closure, { isUserSystemd }),
      env: { ...activationEnv, ...(backupFileExtension === undefined ? {} : { HOME_MANAGER_BACKUP_EXT: backupFileExtension }) },
      ...inUnit(UNIT, backupFileExtension === undefined ? [] : ["HOME_MANAGER_BACKUP_EXT"]),
    }),
    async permanentSteps(closure, _mode, generation) {
      if (!(await setsNoProfile(closure))) return [];
      return [step("profile", setProfile(places, closure, generation), { launcher: [], unit: null })];
    },
    undo(before, { closure: failed }) {
      const files = backupFileExtension === undefined ? [] : filesInTheWay(home, failed);
      const moves = moveBack(home, backupFileExtension ?? "", files).slice(0, MOVES);
      return [
        step("activation", undoActivation(places, before, { failed, isUserSystemd }), inUnit(UNDO_UNIT)),
        ...moves.map((argv) => step("activation", argv, { launcher: [], unit: null })),
      ];
    },
    differences: async (meant) => [
      ...compareClosures(
        meant,
        { running: (await running())?.closure, profile: (await profile())?.closure },
        PLATFORM_TRAITS["home-manager"],
      ),
      ...(await linkDifferences(home, meant)),
      ...(await packageDifferences([join(state, "nix/profile"), join(home, ".nix-profile")], meant)),
      ...(systemd === undefined ? [] : await unitDifferences({ home, systemd }, meant)),
    ],
    bootDefault: async () => undefined,
    activationCheck: () => undefined,
    readAccess: undefined,
    dryActivation: () => undefined,
    installedAgent: (closure) =>
      isDarwin
        ? readServiceFiles(join(closure, "LaunchAgents"), isAgentPlist)
        : readServiceFiles(join(closure, "home-files/.config/systemd/user"), isAgentUnit),
    waysIn: (closure, agent) => readHomeWaysIn(closure, user, agent),
    async failedUnits() {
      if (!isDarwin) return systemd?.failedUnits();
      const closure = (await running())?.closure;
      return closure === undefined ? undefined : launchd.failedJobs(join(closure, "LaunchAgents"));
    },
    async activationInProgress() {
      for (const unit of [UNIT, UNDO_UNIT]) {
        if (await systemd?.isUnitActive(`${unit}.service`)) return `${unit}.service is running`;
      }
      return undefined;
    },
    rebootReasons: async () => [],
    switchInhibitors: async () => [],
    bootSpace: async () => undefined,
    bootLeftovers: undefined,
    // The machine is not the user's.
    reboot: undefined,
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

/**
 * The environment of the user's session, as far as an activation needs it. What a login would have set is added where the
 * agent's own environment lacks it: where Nix is, and the way to the user's own service manager.
 */
function userSession({ env, uid, home, isDarwin, systemRoot }: HomeManagerDeps, state: string): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && PASSED_ON.test(name)) passed[name] = value;
  const bins = [
    join(state, "nix/profile/bin"),
    join(home, ".nix-profile/bin"),
    "/nix/var/nix/profiles/default/bin",
    "/run/current-system/sw/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    ...(isDarwin ? ["/usr/sbin", "/sbin"] : []),
  ];
  const session = { ...passed, PATH: pathWith(passed["PATH"], bins) };
  if (isDarwin || systemRoot !== "") return session;
  const runtimeDir = passed["XDG_RUNTIME_DIR"] ?? `/run/user/${uid}`;
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDir}/bus`, ...session, XDG_RUNTIME_DIR: runtimeDir };
}

/** Whether a generation's activation leaves the profile to its caller (`gen-version`: modules/home-environment.nix, since 25.11). */
async function setsNoProfile(closure: string): Promise<boolean> {
  return (await resolve(join(closure, "gen-version"))) !== undefined;
}

interface ProfileLink {
  link: string;
  closure: string;
}

async function firstClosure(links: readonly string[]): Promise<ProfileLink | undefined> {
  for (const link of links) {
    const closure = await resolveClosure(link);
    if (closure !== undefined) return { link, closure };
  }
  return undefined;
}

async function generationOf(linked: ProfileLink | undefined): Promise<number | undefined> {
  return linked === undefined ? undefined : generationNumber(linked.link);
}
