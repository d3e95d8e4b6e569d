import type { Deployment, Facts, Platform as PlatformName } from "@nixfleet/protocol";

export type ActivationMode = Deployment["mode"];

/** What a platform tells of its closures. What cannot be read is absent. */
export type SystemFacts = Partial<Pick<Facts, "running" | "booted" | "profile" | "generations" | "reboot">>;

/** The activation itself. It goes on when the runner dies. */
export interface ActivationCommand {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** What is put before a program so that it runs apart from the agent's own service; nothing, where that is not needed. */
  launcher: readonly string[];
  /** The service unit that the launcher makes of it. */
  unit: string | null;
}

/** What differs between NixOS, nix-darwin and Home Manager. Everything else is the same for all. */
export interface Platform {
  readonly name: PlatformName;
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
  /** The program that sets the profile before an activation in this mode; undefined where that is not for the runner to do. */
  setProfile(closure: string, mode: ActivationMode): Promise<readonly [string, ...string[]] | undefined>;
  activation(closure: string, mode: ActivationMode): ActivationCommand;
}
