/**
 * Who may import whom within a package: what is on a floor imports from lower floors only, so nothing on one floor knows another
 * part of that floor. A name is that of a folder or file directly in `src`, without `.ts`.
 */
export interface FloorPlan {
  /** The folder whose parts the floors name, from the repository's root. */
  readonly root: string;
  /** From the lowest up. */
  readonly floors: readonly (readonly string[])[];
}

export const FLOOR_PLANS: readonly FloorPlan[] = [
  {
    root: "packages/agent/src",
    floors: [
      ["escape-sequences"],
      ["disks", "environment", "error-lines", "find-store-path", "log", "machine-name", "memory-flags", "version"],
      ["launchd", "link", "lock-out", "nix", "spool", "systemd"],
      ["git", "platforms", "settings", "ship"],
      ["deadman", "facts"],
      // Two processes that meet in files only: docs/architecture.md.
      ["daemon", "runner"],
      ["commands"],
      ["main"],
    ],
  },
  {
    root: "packages/dashboard/src",
    floors: [
      ["actor", "ids", "logger", "problem", "read-password", "server-socket", "small-heap"],
      ["bus"],
      ["store"],
      ["hosts", "metrics-history"],
      ["sources"],
      // Neither do people know of runs nor runs of people: both know an actor.
      ["audit", "people", "runs", "status"],
      ["fleet", "links"],
      ["http", "live"],
      ["config", "core"],
      ["dashboard"],
      ["index", "main"],
    ],
  },
];
