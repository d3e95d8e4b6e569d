import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Commit, PLATFORM_TRAITS } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { pathWith, pickVariables } from "../environment.ts";
import { isAgentPlist } from "../launchd/agent-jobs.ts";
import { createLaunchd } from "../launchd/launchd.ts";
import { readServiceFiles } from "./installed-agent.ts";
import { parseRevision } from "./nixos.ts";
import type { ActivationCommand, Platform } from "./platform.ts";
import { createSystemProfile, rememberByClosure } from "./system-profile.ts";

export interface DarwinDeps {
  hostname: string;
  flakeAttr: string | undefined;
  /** Put before /run and /nix/var, for tests; empty on a machine of one's own. */
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  exec: Exec;
}

/**
 * The steps of `darwin-rebuild switch` after the profile is set (darwin-rebuild.sh): `activate-user` as the primary user, where a
 * closure has one that is not just a note of its removal, then `activate`. That links /run/current-system last, so a link that
 * names another closure afterwards tells that the activation stopped half way. The text is fixed; paths come as arguments.
 *
 * Where nobody has started the agent by sudo, the primary user is whom the console belongs to.
 */
const ACTIVATE = `
closure=$1; current=$2
if [ -x "$closure/activate-user" ] && ! grep -q '^# nix-darwin: deprecated$' "$closure/activate-user"; then
  user=\${SUDO_USER:-$(stat -f %Su /dev/console)}
  if [ -z "$user" ] || [ "$user" = root ]; then
    echo "error: activate-user has to run as the primary user, and nobody has logged in" >&2
    exit 1
  fi
  sudo "--user=$user" --set-home -- "$closure/activate-user" || exit
fi
"$closure/activate"; code=$?
now=$(readlink "$current")
if [ "$now" != "$closure" ]; then
  echo "error: the activation stopped half way (exit code $code): $current, which is linked last, names \${now:-nothing}" >&2
  [ "$code" -ne 0 ] || code=1
fi
exit "$code"`;

/** What darwin-rebuild finds in its own search path (darwin-rebuild.sh): launchd gives its jobs next to none. */
const BINS = [
  "/run/current-system/sw/bin",
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
  const ownEnv = {
    ...pickVariables(env, ["SUDO_USER", "SSL_CERT_FILE", "NIX_SSL_CERT_FILE", "NIX_REMOTE"]),
    HOME: env["HOME"] ?? "/var/root",
    USER: "root",
    LOGNAME: "root",
    PATH: pathWith(env["PATH"], BINS),
    ...(systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }),
  };
  const activate = (closure: string): [string, ...string[]] => [
    "/bin/sh",
    "-c",
    ACTIVATE,
    "nixfleet-darwin-activation",
    closure,
    system.current,
  ];

  const activation = (closure: string): ActivationCommand => ({ argv: activate(closure), env: ownEnv, launcher: [], unit: null });

  return {
    name: "darwin",
    ...PLATFORM_TRAITS.darwin,
    unitsFailedExitCode: undefined,
    bootActivates: false,
    sessionEnv: {},
    serviceManager: systemRoot === "" ? launchd : undefined,
    attributes: [flakeAttr ?? `darwinConfigurations."${hostname}".system`],
    modes: ["switch"],
    runningClosure: system.running,
    profileClosure: system.closure,
    generation: system.generation,
    profile: system.path,
    activation,
    permanentSteps: system.set,
    undo: (before) => [...system.putBack(before), { kind: "activation", ...activation(before.closure) }],
    differences: system.differences,
    dryActivation: () => undefined,
    installedAgent: (closure) => readServiceFiles(join(closure, "Library/LaunchDaemons"), isAgentPlist),
    async failedUnits() {
      const closure = await system.running();
      if (closure === undefined) return undefined;
      const failed = await launchd.failedJobs(join(closure, "Library/LaunchDaemons"));
      if (failed === undefined) return undefined;
      const uid = await consoleUser();
      if (uid === undefined) return failed;
      const session = createLaunchd({ exec, domain: `gui/${uid}` });
      for (const plists of ["Library/LaunchAgents", "user/Library/LaunchAgents"]) {
        const more = await session.failedJobs(join(closure, plists));
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
    reboot: systemRoot === "" ? ["/sbin/shutdown", "-r", "now"] : undefined,
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
