import { existsSync } from "node:fs";
import { join } from "node:path";
import { Commit, PLATFORM_TRAITS } from "@nixfleet/protocol";
import { type Exec, succeeded } from "@nixfleet/runtime";
import * as z from "zod";
import { BOOT_MOUNTS, type DiskDeps, freeBytes, systemDisks } from "../disks.ts";
import { pickVariables } from "../environment.ts";
import { findStorePath } from "../find-store-path.ts";
import { readClosureFile } from "../lock-out/closure-files.ts";
import { readNixosWaysIn } from "../lock-out/read-ways-in.ts";
import { isAgentUnit } from "../systemd/agent-units.ts";
import { createSystemd, isSystemdBooted } from "../systemd/systemd.ts";
import { bootDefault } from "./boot-default.ts";
import { findBootLeftovers } from "./boot-leftovers.ts";
import { bootDifferences, bootFiles, inhibitorsBetween } from "./closure-parts.ts";
import { readServiceFiles } from "./installed-agent.ts";
import { listGenerations, resolve, resolveClosure } from "./links.ts";
import type { ActivationMode, Difference, HostStep, MeantState, Platform } from "./platform.ts";
import { listSpecialisations } from "./specialisations.ts";
import { flockHolder } from "./switch-lock.ts";
import { createSystemProfile, rememberByClosure } from "./system-profile.ts";

export interface NixosDeps {
  hostname: string;
  flakeAttr: string | undefined;
  /** Put before /run, /boot and /nix/var, for hosts that share a machine; empty on a machine of one's own. */
  systemRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Whether systemd is what runs this host (sd_booted(3)); never where hosts share a machine. */
  isSystemd?: boolean;
  exec: Exec;
  disks?: DiskDeps;
}

/** The name that nixos-rebuild gives it: systemd refuses a second one, so two activations never run at once. */
const UNIT = "nixos-rebuild-switch-to-configuration";
const UNDO_UNIT = "nixfleet-undo";
/** What nixos-rebuild passes on. */
const PASSED_ON = ["LOCALE_ARCHIVE", "NIXOS_INSTALL_BOOTLOADER"];

/** NixOS, switched as `nixos-rebuild` does. */
export function createNixosPlatform(deps: NixosDeps): Platform {
  const { hostname, flakeAttr, systemRoot, env, exec, disks = systemDisks } = deps;
  const isSystemd = deps.isSystemd ?? (systemRoot === "" && isSystemdBooted());
  const systemd = isSystemd ? createSystemd({ exec, scope: "system", env }) : undefined;
  const passedOn = { ...pickVariables(env, PASSED_ON), ...(systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: systemRoot }) };
  const ownEnv = { ...pickVariables(env, ["PATH", "HOME"]), ...passedOn };
  const system = createSystemProfile({
    systemRoot,
    env,
    readRevision: rememberByClosure((closure) => configurationRevision(exec, closure, ownEnv)),
  });
  const booted = () => resolveClosure(join(systemRoot, "/run/booted-system"));
  const inUnit = (unit: string, passed: object = passedOn) => ({
    launcher: systemd?.launcher({ unit, variables: Object.keys(passed) }) ?? [],
    unit: systemd === undefined ? null : unit,
  });
  // A check that a closure runs before a switch must not keep a host from coming back to it (switch-to-configuration, NIXOS_NO_CHECK).
  const undoPassedOn = { ...passedOn, NIXOS_NO_CHECK: "1" };
  const undoEnv = { ...ownEnv, ...undoPassedOn };
  const inUndoUnit = inUnit(UNDO_UNIT, undoPassedOn);
  const activator = (closure: string) => join(closure, "bin/switch-to-configuration");

  return {
    name: "nixos",
    ...PLATFORM_TRAITS.nixos,
    // switch-to-configuration's own source: `exit 4`.
    unitsFailedExitCode: 4,
    bootActivates: true,
    specialisations: { of: listSpecialisations, becomeGenerations: false },
    sessionEnv: {},
    serviceManager: systemd,
    attributes: [flakeAttr ?? `nixosConfigurations."${hostname}".config.system.build.toplevel`],
    modes: ["switch", "boot", "test"],
    runningClosure: system.running,
    profileClosure: system.closure,
    generation: system.generation,
    profile: system.path,
    activation: (closure) => ({ argv: [activator(closure), "test"], env: ownEnv, ...inUnit(UNIT) }),
    async permanentSteps(closure, mode, generation) {
      if (mode === "test") return [];
      const entry = { argv: [activator(closure), "boot"] as const, env: ownEnv, ...inUnit(UNIT) };
      return [...(await system.set(closure, mode, generation)), { kind: "boot-entry", ...entry }];
    },
    undo(before, { mode }) {
      const step = (kind: HostStep["kind"], closure: string, how: ActivationMode): HostStep => ({
        kind,
        argv: [activator(closure), how],
        env: undoEnv,
        ...inUndoUnit,
      });
      const activation = step("activation", before.closure, "test");
      if (mode === "test") return [activation];
      // Where the profile named another closure, one that only waited for its boot, that one is booted next again.
      const entry = step("boot-entry", before.profile?.closure ?? before.closure, "boot");
      return [...system.putBack(before), ...(mode === "boot" ? [] : [activation]), entry];
    },
    differences: async (meant) => [
      ...(await system.differences(meant)),
      ...(await linkDifferences(systemRoot, meant)),
      ...(await bootDifference(systemRoot, meant)),
    ],
    bootDefault: () => bootDefault(systemRoot),
    activationCheck: () => undefined,
    readAccess: undefined,
    dryActivation: (closure) => ({ argv: [activator(closure), "dry-activate"], env: ownEnv, launcher: [], unit: null }),
    installedAgent: (closure) => readServiceFiles(join(closure, "etc/systemd/system"), isAgentUnit),
    waysIn: readNixosWaysIn,
    failedUnits: async () => systemd?.failedUnits(),
    async activationInProgress() {
      for (const unit of [UNIT, UNDO_UNIT]) {
        if (await systemd?.isUnitActive(`${unit}.service`)) return `${unit}.service is running`;
      }
      const lock = join(systemRoot, "/run/nixos/switch-to-configuration.lock");
      const holder = await flockHolder(lock);
      return holder === undefined ? undefined : `process ${holder} holds ${lock}`;
    },
    async rebootReasons(closure) {
      const from = await booted();
      return from === undefined ? [] : bootDifferences(from, closure);
    },
    async switchInhibitors(closure) {
      const from = await system.running();
      return from === undefined ? [] : inhibitorsBetween(from, closure);
    },
    async bootSpace(closure) {
      const boot = await bootPartition(systemRoot, disks);
      if (boot === undefined) return undefined;
      // What the machine booted, and what its boot menu offers, is on the partition already: a kernel that did not change needs
      // no space, and neither does a way back.
      const generations = await listGenerations(system.profile);
      const known = new Set<string>();
      for (const one of [await booted(), await system.running(), ...generations.map((generation) => generation.closure)]) {
        for (const file of one === undefined ? [] : (await bootFiles(one)).keys()) known.add(file);
      }
      let needed = 0;
      for (const [file, size] of await bootFiles(closure)) if (!known.has(file)) needed += size;
      return { needed, ...boot };
    },
    bootLeftovers: async () => {
      const closures = (await listGenerations(system.profile)).flatMap(({ closure }) => closure ?? []);
      const specialisations = await Promise.all(closures.map(listSpecialisations));
      return findBootLeftovers(systemRoot, [...closures, ...specialisations.flat().map(({ closure }) => closure)]);
    },
    reboot: isSystemd ? ["systemctl", "reboot"] : undefined,
    async readFacts() {
      const facts = await system.readFacts();
      const from = await booted();
      if (from === undefined) return facts;
      facts.booted = { closure: from };
      if (facts.running !== undefined) {
        const reasons = await bootDifferences(from, facts.running.closure);
        facts.reboot = { needed: reasons.length > 0, reasons };
      }
      return facts;
    },
  };
}

/**
 * Where the boot loader copies kernels to, and what is free there: the partition on which it has a folder for them. Without such a folder it is
 * /boot, which may be a new partition; an EFI system partition alone may hold no more than GRUB itself, which reads kernels from the
 * root then. Undefined: no partition but the root's is known to hold any.
 */
async function bootPartition(systemRoot: string, disks: DiskDeps): Promise<{ place: string; free: number } | undefined> {
  const device = (path: string) => disks.device(path).catch(() => undefined);
  const root = await device(systemRoot || "/");
  const found: { place: string; path: string }[] = [];
  for (const place of BOOT_MOUNTS) {
    // The dot has an automount mounted: the mount point alone would be asked about an empty file system.
    const path = `${join(systemRoot, place)}/.`;
    const own = await device(path);
    if (own !== undefined && own !== root) found.push({ place, path });
  }
  const hasKernels = ({ path }: { path: string }) => KERNEL_FOLDERS.some((folder) => existsSync(join(path, folder)));
  const used = found.find(hasKernels) ?? found.find(({ place }) => place === "/boot");
  return used && { place: used.place, free: await freeBytes(used.path, disks) };
}

/** Folders of kernels of systemd-boot, GRUB, extlinux and Limine, as the modules of nixpkgs install them. */
const KERNEL_FOLDERS = ["EFI/nixos", "kernels", "nixos", "limine/kernels"] as const;

/** `/etc/static` leads to the `etc` of what runs: the activation links it, and all else of /etc through it. */
async function linkDifferences(systemRoot: string, { running }: MeantState): Promise<Difference[]> {
  const link = join(systemRoot, "/etc/static");
  const [seen, meant] = [await resolve(link), await resolve(join(running, "etc"))];
  if (meant === undefined || seen === meant || (await mountsEtc(running))) return [];
  return [{ what: "/etc/static", sentence: `${link} leads to ${seen ?? "nothing"}, and not to ${meant}.` }];
}

/**
 * Whether a closure mounts its `/etc` instead of linking it (`system.etc.overlay`; etc.nix of nixpkgs): its activation names the lower layer
 * of the mount. The link is in no such `/etc`.
 */
async function mountsEtc(closure: string): Promise<boolean> {
  const activate = (await readClosureFile(join(closure, "activate"))) ?? "";
  return findStorePath(activate, { name: "etc-lowerdir(?![\\w.-])" }) !== undefined;
}

/** What the machine boots by default is what the profile names. */
async function bootDifference(systemRoot: string, { profile }: MeantState): Promise<Difference[]> {
  const booted = profile === null ? undefined : await bootDefault(systemRoot);
  if (booted === undefined || booted === profile) return [];
  return [{ what: "boot entry", sentence: `The default boot entry starts ${booted}, and not ${profile}.` }];
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
  return succeeded(result) ? parseRevision(result.stdout) : undefined;
}

/** The commit in what `nixos-version --json` prints, and in nix-darwin's `darwin-version.json`. */
export function parseRevision(text: string): Commit | undefined {
  try {
    const parsed = versionJson.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.configurationRevision : undefined;
  } catch {
    return undefined; // Something else of that name: no revision is known.
  }
}
