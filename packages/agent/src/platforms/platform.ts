import type { Deployment, Facts, Platform as PlatformName, PlatformTraits } from "@nixfleet/protocol";
import type { Launchd } from "../launchd/launchd.ts";
import type { WaysIn } from "../lock-out/ways-in.ts";
import type { Systemd } from "../systemd/systemd.ts";
import type { Specialisation } from "./specialisations.ts";

/** What starts and keeps an agent's services. */
export type ServiceManager = Systemd | Launchd;

export type ActivationMode = Deployment["mode"];

/** The modes in which something is activated at once. In mode `boot` the next boot does that. */
export type LiveMode = Exclude<ActivationMode, "boot">;

/** What a platform tells of its closures. What cannot be read is absent. */
export type SystemFacts = Partial<Pick<Facts, "running" | "booted" | "profile" | "generations" | "reboot">>;

/** The activation itself. It continues when the runner dies. */
export interface ActivationCommand {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** What is put before a program so that it runs apart from the agent's own service; nothing, where that is not needed. */
  launcher: readonly string[];
  /** The service unit that the launcher makes of it. */
  unit: string | null;
}

/**
 * What a program changes: what runs (`activation`), which generation the profile names (`profile`), or what the machine boots
 * (`boot-entry`).
 */
export type StepKind = "activation" | "profile" | "boot-entry";

/** A program that changes the host, with its whole environment. Those of an undo are recorded before the activation. */
export interface HostStep extends ActivationCommand {
  kind: StepKind;
}

/** What a host ran, and what its profile named, before an activation. */
export interface Before {
  closure: string;
  profile: { closure: string; generation: number | undefined } | undefined;
}

/** What an activation, or its undo, is meant to leave behind. */
export interface MeantState {
  /** What runs. */
  running: string;
  /** What the profile names, and so what a boot brings; null: the profile is not compared. */
  profile: string | null;
  /** The closure of which nothing is to be left: the one that was undone, or that ran before; null: none. */
  replaced: string | null;
  /** What came before. Absent: a deployment, of which a closure's own programs may have changed something since; or nothing yet. */
  after?: "undo";
}

/** Something on the host that is not as it was meant. */
export interface Difference {
  /** Which thing, by a name that stays the same: `running`, `profile`, or the path of a link or file. */
  what: string;
  /** For a person, with what is there and what should be. */
  sentence: string;
}

/** What an installation of boot entries that was cut off has left behind, and what keeps a later one from its work. */
export interface BootLeftover {
  /** A file or folder that can be removed: the installer would have done so had it come to its end. */
  path: string;
  /** For a person: what it is, and what comes of it. */
  sentence: string;
}

/** What a person has granted to the program that activates. */
export interface AccessReading {
  /** The program that it has to be granted to. */
  program: string;
  /** Full Disk Access of macOS. */
  fullDisk: boolean;
  /** Whether the apps that activations change can be changed; `none`: there are none. */
  apps: "none" | "allowed" | "denied";
}

/** How a platform has specialisations: one is activated in the place of a closure, which the profile names all the same. */
export interface Specialisations {
  /** Those of a closure that can be activated so. */
  of(closure: string): Promise<readonly Specialisation[]>;
  /** Whether one that somebody activates by hand becomes a generation: then the profile may name it, and it is one all the same. */
  readonly becomeGenerations: boolean;
}

/** What the boot loader is to copy, in bytes. */
export interface BootSpace {
  /** Where the partition is mounted. */
  place: string;
  needed: number;
  free: number;
}

/**
 * What differs between NixOS, nix-darwin and Home Manager. Everything else is the same for all: nobody else compares the name of a
 * platform, so that a new one need only answer what this interface asks.
 */
export interface Platform extends PlatformTraits {
  /** For facts, records and messages. */
  readonly name: PlatformName;
  /** The exit code by which the activator says that it did all of its work and units failed; undefined: it has none. */
  readonly unitsFailedExitCode: number | undefined;
  /** Variables that an undo needs, and that a user's session has where this process may not. */
  readonly sessionEnv: Readonly<Record<string, string>>;
  /** What keeps this agent's services; undefined: nothing does (a container, or a host that shares a machine). */
  readonly serviceManager: ServiceManager | undefined;
  /** Attribute paths of the flake that may hold what to build, the first that exists counts. */
  readonly attributes: readonly string[];
  /** Whether a boot activates all of the closure that it boots, so that nothing of an earlier activation outlives it. */
  readonly bootActivates: boolean;
  /** The specialisations of closures; undefined: the platform has none. */
  readonly specialisations: Specialisations | undefined;
  /** How a closure may be activated. */
  readonly modes: readonly ActivationMode[];
  /** The closure that runs now; undefined if none does, or if it cannot be read. */
  runningClosure(): Promise<string | undefined>;
  /** The closure that the profile points to, which is the one of the next boot. */
  profileClosure(): Promise<string | undefined>;
  generation(): Promise<number | undefined>;
  readFacts(): Promise<SystemFacts>;
  /**
   * The program that activates a closure before it is confirmed. Nothing that a boot reads points to the closure afterwards, as
   * far as the platform's own activation allows that (decisions 0062 and 0063).
   */
  activation(closure: string, mode: LiveMode): ActivationCommand;
  /**
   * The programs that make a confirmed closure permanent, in order: they set the profile (to the generation, where one was chosen,
   * else to a new one) and install the boot entry. Empty where there is nothing to do (mode `test`), or where the activation does it.
   */
  permanentSteps(closure: string, mode: ActivationMode, generation?: number): Promise<readonly HostStep[]>;
  /** The profile whose generations are this host's; undefined if there is none yet. */
  profile(): Promise<string | undefined>;
  /**
   * The programs that restore what was before a deployment, in order, from whatever point of it: profile and boot entry where the
   * mode sets them, and the previous closure's own activator. They need nothing of the new closure and no program of this project's,
   * and can be repeated. `deployment`: what was activated, which may be a specialisation. Whoever undoes leaves out what its kind
   * says was not changed (`undoSteps` in deadman/).
   */
  undo(before: Before, deployment: { closure: string; mode: ActivationMode }): readonly HostStep[];
  /**
   * Compares what can be seen of the host (running closure, profile, links, boot entry, …) with what was meant, after an undo and
   * after a deployment. What cannot be seen is no difference. Called before an activation too: what differs then, already, is not
   * held against it afterwards.
   */
  differences(meant: MeantState): Promise<readonly Difference[]>;
  /** The closure that the machine boots by default, as the boot loader's own files say it; undefined: that cannot be seen. */
  bootDefault(): Promise<string | undefined>;
  /**
   * The program by which a closure itself says whether it can be activated on this host, before anything is changed; undefined:
   * the platform has none. What it prints is for a person.
   */
  activationCheck(closure: string): ActivationCommand | undefined;
  /** Finds out what the operating system lets this process do, where a person has to grant that; undefined: nobody has to. */
  readonly readAccess: (() => Promise<AccessReading>) | undefined;
  /** The program that reports what an activation would do to units, without doing it; undefined: the platform has none. */
  dryActivation(closure: string): ActivationCommand | undefined;
  /**
   * The text of the service files by which a closure installs this agent, whatever they say: it differs when the agent or its
   * settings do. Undefined: the closure installs none.
   */
  installedAgent(closure: string): Promise<string | undefined>;
  /** What the closure says of how a host that runs it is reached, from its files alone. `agent`: its service files. */
  waysIn(closure: string, agent: string | undefined): Promise<WaysIn>;
  /** Names of units that have failed now; undefined where it is not known. */
  failedUnits(): Promise<readonly string[] | undefined>;
  /** Who else activates something on this host now, for a person; undefined: nobody. */
  activationInProgress(): Promise<string | undefined>;
  /** What of the booted closure differs from this one, so that only a reboot brings it: kernel, initrd, kernel-modules, inhibitors. */
  rebootReasons(closure: string): Promise<readonly string[]>;
  /** Names of what forbids to switch from the running closure to this one without a reboot (NixOS: `init`, `system.switch.inhibitors`). */
  switchInhibitors(closure: string): Promise<readonly string[]>;
  /** Bytes that the boot partition needs for this closure, and has free, by where it is mounted; undefined: nothing is copied there. */
  bootSpace(closure: string): Promise<BootSpace | undefined>;
  /** Finds what is left of installations of boot entries that were cut off, to be removed before the next; undefined: there are no such. */
  readonly bootLeftovers: (() => Promise<readonly BootLeftover[]>) | undefined;
  /** The program that reboots the machine; undefined where that is not for this agent to do. */
  readonly reboot: readonly [string, ...string[]] | undefined;
}
