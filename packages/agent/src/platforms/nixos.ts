import { existsSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Commit, type Facts } from "@nixfleet/protocol";
import { type Exec, succeeded } from "@nixfleet/runtime";
import * as z from "zod";
import { generationNumber, linkedAt, listGenerations, resolve, resolveClosure } from "./links.ts";
import type { Platform, SystemFacts } from "./platform.ts";

export interface NixosDeps {
  hostname: string;
  flakeAttr: string | undefined;
  /** Put before /run and /nix/var, for hosts that share a machine; empty on a machine of one's own. */
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Whether systemd is what runs this host (sd_booted(3)); never where hosts share a machine. */
  isSystemd?: boolean;
  exec: Exec;
}

/** The name that nixos-rebuild gives it: systemd refuses a second one, so two activations never run at once. */
const UNIT = "nixos-rebuild-switch-to-configuration";
/** What nixos-rebuild passes on. */
const PASSED_ON = ["LOCALE_ARCHIVE", "NIXOS_INSTALL_BOOTLOADER"];
const REBOOT_PARTS = ["kernel", "initrd", "kernel-modules"] as const;

/** NixOS, switched as `nixos-rebuild` does. */
export function createNixosPlatform(deps: NixosDeps): Platform {
  const { hostname, flakeAttr, systemRoot, env, exec } = deps;
  const isSystemd = deps.isSystemd ?? (systemRoot === "" && existsSync("/run/systemd/system"));
  const current = join(systemRoot, "/run/current-system");
  const booted = join(systemRoot, "/run/booted-system");
  const profile = join(systemRoot, "/nix/var/nix/profiles/system");
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  const passedOn = { ...pick(PASSED_ON), ...(systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }) };
  const ownEnv = { ...pick(["PATH", "HOME"]), ...passedOn };
  const readRevision = rememberByClosure((closure) => configurationRevision(exec, closure, ownEnv));

  return {
    name: "nixos",
    attributes: [flakeAttr ?? `nixosConfigurations."${hostname}".config.system.build.toplevel`],
    modes: ["switch", "boot", "test"],
    runningClosure: () => resolveClosure(current),
    profileClosure: () => resolveClosure(profile),
    generation: () => generationNumber(profile),
    async setProfile(closure, mode) {
      if (mode === "test") return undefined;
      await mkdir(dirname(profile), { recursive: true });
      return ["nix-env", "-p", profile, "--set", closure];
    },
    activation: (closure, mode) => ({
      argv: [join(closure, "bin/switch-to-configuration"), mode],
      env: ownEnv,
      launcher: isSystemd ? systemdRun(Object.keys(passedOn)) : [],
      unit: isSystemd ? UNIT : null,
    }),
    async readFacts() {
      const facts: SystemFacts = { generations: await listGenerations(profile) };
      const running = await resolveClosure(current);
      const bootedClosure = await resolveClosure(booted);
      const profileClosure = await resolveClosure(profile);
      const generation = await generationNumber(profile);
      if (running !== undefined) facts.running = await describeRunning(running, current, readRevision);
      if (bootedClosure !== undefined) facts.booted = { closure: bootedClosure };
      if (profileClosure !== undefined) {
        facts.profile = { closure: profileClosure, ...(generation === undefined ? {} : { generation }) };
      }
      if (bootedClosure !== undefined && running !== undefined) {
        const reasons: string[] = [];
        for (const part of REBOOT_PARTS) {
          if (!(await isSamePart(bootedClosure, running, part))) reasons.push(part);
        }
        facts.reboot = { needed: reasons.length > 0, reasons };
      }
      return facts;
    },
  };
}

/**
 * As nixos-rebuild runs it (nixos-rebuild.sh), but without `--pipe`: the output goes to a file, so that the activation does not
 * end when its reader does. A stop of the unit gets SIGKILL in time for a cancelled run to end within 5 seconds.
 */
function systemdRun(variables: readonly string[]): string[] {
  const passed = variables.flatMap((name) => ["-E", name]);
  const options = ["--collect", "--no-ask-password", "--quiet", "--service-type=exec", `--unit=${UNIT}`, "--wait"];
  return ["systemd-run", ...passed, ...options, "-p", "TimeoutStopSec=3", "--"];
}

/** Whether two closures have the same part: the same store path behind it or, where it lies in the closure, the same content. */
async function isSamePart(one: string, other: string, part: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((closure) => resolve(join(closure, part))));
  if (a === b || a === undefined || b === undefined) return a === b;
  if (!a.startsWith(`${one}/`) || !b.startsWith(`${other}/`)) return false;
  if (!(await stat(a)).isFile() || !(await stat(b)).isFile()) return true; // Nothing that a boot would read anew.
  return (await readFile(a)).equals(await readFile(b));
}

async function describeRunning(
  closure: string,
  link: string,
  readRevision: (closure: string) => Promise<Commit | undefined>,
): Promise<Facts["running"]> {
  const revision = await readRevision(closure);
  const since = await linkedAt(link);
  return { closure, ...(revision === undefined ? {} : { revision }), ...(since === undefined ? {} : { since }) };
}

const versionJson = z.object({ configurationRevision: Commit });

/** What the system says it was built from, `nixos-version --json`; a dirty tree has no commit and says none. */
async function configurationRevision(
  exec: Exec,
  closure: string,
  env: Readonly<Record<string, string>>,
): Promise<Commit | undefined> {
  const program = join(closure, "sw/bin/nixos-version");
  if (!existsSync(program)) return undefined;
  const result = await exec({ argv: [program, "--json"], env, signal: AbortSignal.timeout(10_000) }).result;
  if (!succeeded(result)) return undefined;
  try {
    const parsed = versionJson.safeParse(JSON.parse(result.stdout));
    return parsed.success ? parsed.data.configurationRevision : undefined;
  } catch {
    return undefined; // Some other program of that name: no revision is known.
  }
}

/** A closure never changes, so what it says is asked once. */
function rememberByClosure<T>(read: (closure: string) => Promise<T>): (closure: string) => Promise<T> {
  let last: { closure: string; value: Promise<T> } | undefined;
  return (closure) => {
    if (last?.closure !== closure) last = { closure, value: read(closure) };
    return last.value;
  };
}
