import type { Deployment, Facts, Platform as PlatformName, PlatformTraits } from "@nixfleet/protocol";
import type { Launchd } from "../launchd/launchd.ts";
import type { Systemd } from "../systemd/systemd.ts";

/** What starts and keeps an agent's services. */
export type ServiceManager = Systemd | Launchd;

export type ActivationMode = Deployment["mode"];

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

/** A program of an undo, with its whole environment: recorded before the activation, run by whoever undoes it. */
export type UndoStep = ActivationCommand;

/** What a host ran, and what its profile named, before an activation. */
export interface Before {
  closure: string;
  profile: { closure: string; generation: number | undefined } | undefined;
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
  /** How a closure may be activated. */
  readonly modes: readonly ActivationMode[];
  /** The closure that runs now; undefined if none does, or if it cannot be read. */
  runningClosure(): Promise<string | undefined>;
  /** The closure that the profile points to, which is the one of the next boot. */
  profileClosure(): Promise<string | undefined>;
  generation(): Promise<number | undefined>;
  readFacts(): Promise<SystemFacts>;
  /**
   * The program that sets the profile before an activation in this mode: to the generation, where one was chosen, else to a new
   * one. Undefined where that is not for the runner to do.
   */
  setProfile(closure: string, mode: ActivationMode, generation?: number): Promise<readonly [string, ...string[]] | undefined>;
  activation(closure: string, mode: ActivationMode): ActivationCommand;
  /** The profile whose generations are this host's; undefined if there is none yet. */
  profile(): Promise<string | undefined>;
  /**
   * The programs that restore what ran before an activation in this mode, in order: the profile first where the platform's own
   * tool sets it, then that closure's own activator. They need nothing of the new closure, and no program of this project's.
   */
  undo(before: Before, mode: ActivationMode): readonly UndoStep[];
  /** The program that reports what an activation would do to units, without doing it; undefined: the platform has none. */
  dryActivation(closure: string): ActivationCommand | undefined;
  /**
   * The text of the service files by which a closure installs this agent, whatever they say: it differs when the agent or its
   * settings do. Undefined: the closure installs none.
   */
  installedAgent(closure: string): Promise<string | undefined>;
  /** Names of units that have failed now; undefined where it is not known. */
  failedUnits(): Promise<readonly string[] | undefined>;
  /** Who else activates something on this host now, for a person; undefined: nobody. */
  activationInProgress(): Promise<string | undefined>;
  /** What of the booted closure differs from this one, so that only a reboot brings it: kernel, initrd, kernel-modules, inhibitors. */
  rebootReasons(closure: string): Promise<readonly string[]>;
  /** Names of what forbids to switch from the running closure to this one without a reboot (`system.switch.inhibitors` of NixOS). */
  switchInhibitors(closure: string): Promise<readonly string[]>;
  /** Bytes that the boot partition needs for this closure, and has free; undefined: nothing is copied there. */
  bootSpace(closure: string): Promise<{ needed: number; free: number } | undefined>;
  /** The program that reboots the machine; undefined where that is not for this agent to do. */
  readonly reboot: readonly [string, ...string[]] | undefined;
}
