import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Commit, PLATFORM_TRAITS } from "@nixfleet/protocol";
import { type Exec, succeeded } from "@nixfleet/runtime";
import { pathWith, pickVariables } from "../environment.ts";
import { isAgentPlist } from "../launchd/agent-jobs.ts";
import { createLaunchd } from "../launchd/launchd.ts";
import { readDarwinWaysIn } from "../lock-out/read-ways-in.ts";
import { readMacAccess } from "./darwin-access.ts";
import { activateDarwin, checkDarwin } from "./darwin-activation.ts";
import { compareEtc, compareJobs, type JobPlace, primaryUser } from "./darwin-jobs.ts";
import { readServiceFiles } from "./installed-agent.ts";
import { parseRevision } from "./nixos.ts";
import type { ActivationCommand, HostStep, Platform } from "./platform.ts";
import { createSystemProfile, rememberByClosure } from "./system-profile.ts";

export interface DarwinDeps {
  hostname: string;
  flakeAttr: string | undefined;
  /** Put before /run and /nix/var, for tests; empty on a machine of one's own. */
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  exec: Exec;
}

/** What darwin-rebuild finds in its own search path (darwin-rebuild.sh): launchd gives its jobs next to none. */
const CURRENT = "/run/current-system";
const BINS = [
  `${CURRENT}/sw/bin`,
  "/nix/var/nix/profiles/default/bin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
];

/**
 * nix-darwin, switched as `darwin-rebuild switch` does. An activation runs in a session of its own, as every program of the
 * runner does: `launchctl bootout` ends the process group of the agent's job, and the activation with it otherwise.
 */
export function createDarwinPlatform({ hostname, flakeAttr, systemRoot, env, exec }: DarwinDeps): Platform {
  const system = createSystemProfile({ systemRoot, env, readRevision: rememberByClosure(configurationRevision) });
  const launchd = createLaunchd({ exec, domain: "system" });
  const isOwnMachine = systemRoot === "";
  const library = join(systemRoot, "/Library");
  const path = pathWith(env["PATH"], BINS);
  const ownEnv = {
    ...pickVariables(env, ["SUDO_USER", "SSL_CERT_FILE", "NIX_SSL_CERT_FILE"]),
    NIX_REMOTE: env["NIX_REMOTE"] || "daemon",
    HOME: env["HOME"] ?? "/var/root",
    USER: "root",
    LOGNAME: "root",
    PATH: path,
    ...(isOwnMachine ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }),
  };
  const apart = { launcher: [], unit: null };
  const activation = (closure: string): ActivationCommand => ({
    argv: activateDarwin({ closure, current: system.current, library }),
    env: ownEnv,
    ...apart,
  });
  /** With the programs of the closure that comes back, and none of the one that goes. */
  const undoing = (closure: string, replaced: string): HostStep => ({
    kind: "activation",
    argv: activateDarwin({ closure, current: system.current, library, replaced }),
    env: { ...ownEnv, PATH: path.replaceAll(`${CURRENT}/`, `${closure}/`) },
    ...apart,
  });
  const session = async () => {
    const uid = await consoleUser();
    return uid === undefined ? undefined : createLaunchd({ exec, domain: `gui/${uid}` });
  };
  const jobPlaces = async (closure: string): Promise<JobPlace[]> => {
    const agents = isOwnMachine ? await session() : undefined;
    const user = await primaryUser(closure);
    const home = user === undefined ? undefined : await homeOf(user);
    return [
      { source: "Library/LaunchDaemons", target: join(library, "LaunchDaemons"), launchd },
      { source: "Library/LaunchAgents", target: join(library, "LaunchAgents"), launchd: agents },
      ...(home === undefined
        ? []
        : [{ source: "user/Library/LaunchAgents", target: join(systemRoot, home, "Library/LaunchAgents"), launchd: agents }]),
    ];
  };
  const homeOf = async (user: string): Promise<string | undefined> => {
    const argv: [string, ...string[]] = ["/usr/bin/dscl", ".", "-read", `/Users/${user}`, "NFSHomeDirectory"];
    const result = await exec({ argv, env: { LC_ALL: "C" }, signal: AbortSignal.timeout(5000) }).result;
    return succeeded(result) ? /^NFSHomeDirectory: (\/.*)$/m.exec(result.stdout)?.[1] : undefined;
  };

  return {
    name: "darwin",
    ...PLATFORM_TRAITS.darwin,
    unitsFailedExitCode: undefined,
    bootActivates: false,
    specialisations: undefined,
    sessionEnv: {},
    serviceManager: isOwnMachine ? launchd : undefined,
    attributes: [flakeAttr ?? `darwinConfigurations."${hostname}".system`],
    modes: ["switch"],
    runningClosure: system.running,
    profileClosure: system.closure,
    generation: system.generation,
    profile: system.path,
    activation,
    permanentSteps: system.set,
    undo: (before, { closure }) => [...system.putBack(before), undoing(before.closure, closure)],
    differences: async (meant) => [
      ...(await system.differences(meant)),
      ...(await compareEtc(meant, join(systemRoot, "/etc/static"))),
      ...(await compareJobs(meant, await jobPlaces(meant.running))),
    ],
    bootDefault: async () => undefined,
    activationCheck: (closure) => ({ argv: checkDarwin(closure, process.execPath), env: ownEnv, ...apart }),
    readAccess: isOwnMachine ? () => readMacAccess("/", process.execPath) : undefined,
    dryActivation: () => undefined,
    installedAgent: (closure) => readServiceFiles(join(closure, "Library/LaunchDaemons"), isAgentPlist),
    waysIn: readDarwinWaysIn,
    async failedUnits() {
      const closure = await system.running();
      if (closure === undefined) return undefined;
      const failed = await launchd.failedJobs(join(closure, "Library/LaunchDaemons"));
      if (failed === undefined) return undefined;
      const agents = await session();
      if (agents === undefined) return failed;
      for (const plists of ["Library/LaunchAgents", "user/Library/LaunchAgents"]) {
        const more = await agents.failedJobs(join(closure, plists));
        if (more === undefined) return undefined;
        failed.push(...more);
      }
      return [...new Set(failed)].sort();
    },
    // nix-darwin takes no lock that could be looked at.
    activationInProgress: async () => undefined,
    rebootReasons: async () => [],
    switchInhibitors: async () => [],
    bootSpace: async () => undefined,
    bootLeftovers: undefined,
    reboot: isOwnMachine ? ["/sbin/shutdown", "-r", "now"] : undefined,
    readFacts: system.readFacts,
  };
}

/** Who has logged in at the screen: the console belongs to them. Root: nobody has. */
async function consoleUser(): Promise<number | undefined> {
  try {
    const { uid } = await stat("/dev/console");
    return uid === 0 ? undefined : uid;
  } catch {
    return undefined; // No console, no user of it.
  }
}

/** What the system says it was built from: nix-darwin writes it into the closure. */
async function configurationRevision(closure: string): Promise<Commit | undefined> {
  try {
    return parseRevision(await readFile(join(closure, "darwin-version.json"), "utf8"));
  } catch {
    return undefined; // A nix-darwin of before that file.
  }
}
