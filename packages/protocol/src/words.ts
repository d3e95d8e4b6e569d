import * as z from "zod";

/** Decides what is built and how it is activated. */
export const Platform = z.enum(["nixos", "darwin", "home-manager"]);
export type Platform = z.infer<typeof Platform>;

export const PLATFORM_LABELS = { nixos: "NixOS", darwin: "macOS", "home-manager": "Home Manager" } as const satisfies Record<
  Platform,
  string
>;

/** What the name of a platform says of each of its hosts. */
export interface PlatformTraits {
  /** Whom its configuration belongs to: the system, which only root changes, or one user. */
  readonly scope: "system" | "user";
  /** Whether the machine boots what the profile points to. */
  readonly bootsFromProfile: boolean;
}

export const PLATFORM_TRAITS = {
  nixos: { scope: "system", bootsFromProfile: true },
  darwin: { scope: "system", bootsFromProfile: true },
  "home-manager": { scope: "user", bootsFromProfile: false },
} as const satisfies Record<Platform, PlatformTraits>;

/** States that a run passes through. The order is that of the diagram: a run only moves forward. */
export const ActiveState = z.enum(["queued", "starting", "running"]);
export type ActiveState = z.infer<typeof ActiveState>;

/** How a run ends. A run has exactly one of these, and it never changes. */
export const TerminalState = z.enum(["succeeded", "failed", "rolled-back", "cancelled", "timed-out", "refused", "lost"]);
export type TerminalState = z.infer<typeof TerminalState>;

export const RunState = z.enum([...ActiveState.options, ...TerminalState.options]);
export type RunState = z.infer<typeof RunState>;

export function isTerminal(state: RunState): state is TerminalState {
  return TerminalState.safeParse(state).success;
}

/** Why a run waits. */
export const QueueReason = z.enum(["host-offline", "host-busy", "held"]);
export type QueueReason = z.infer<typeof QueueReason>;

/**
 * Why a run is held in the queue, apart from the state of its host: a rollout that has not reached it, a maintenance window, a hold on
 * the host, or a start time.
 */
export const RunHold = z.object({
  by: z.enum(["rollout", "window", "hold", "time"]),
  reason: z.string().max(300).describe("One sentence for a person"),
  until: z.number().int().min(0).nullable().describe("When the hold ends by itself; null: never"),
});
export type RunHold = z.infer<typeof RunHold>;

/** Parts of a run, in the order in which a switch passes them. */
export const Phase = z.enum([
  "fetch",
  "verify",
  "evaluate",
  "build",
  "diff",
  "activate",
  "confirm",
  "undo",
  "test",
  "restart",
  "reboot",
  "collect",
  "refresh",
]);
export type Phase = z.infer<typeof Phase>;

export const PHASE_LABELS = {
  fetch: "Fetch",
  verify: "Verify",
  evaluate: "Evaluate",
  build: "Build",
  diff: "Diff",
  activate: "Activate",
  confirm: "Confirm",
  undo: "Undo",
  test: "Test",
  restart: "Restart",
  reboot: "Reboot",
  collect: "Collect",
  refresh: "Refresh",
} as const satisfies Record<Phase, string>;

/** The five answers about a host, in the order in which they are drawn. */
export const Compartment = z.enum(["agent", "git", "lock", "system", "tests"]);
export type Compartment = z.infer<typeof Compartment>;

export const COMPARTMENT_LABELS = {
  agent: "Agent",
  git: "Git",
  lock: "Lock",
  system: "System",
  tests: "Tests",
} as const satisfies Record<Compartment, string>;

/** Green, yellow, red, blue, grey; colour is never the only signal. */
export const Status = z.enum(["ok", "attention", "broken", "working", "unknown"]);
export type Status = z.infer<typeof Status>;

/** Most urgent first. */
export const WORST_FIRST = ["broken", "attention", "working", "unknown", "ok"] as const satisfies readonly Status[];

/** Whether a host is reachable. Says nothing about its configuration. */
export const Reachability = z.enum(["online", "stale", "offline", "never"]);
export type Reachability = z.infer<typeof Reachability>;

export const DeviceType = z.enum(["server", "desktop", "laptop", "gaming"]);
export type DeviceType = z.infer<typeof DeviceType>;

/** Kind of actor: a person, a program, a part of the dashboard, or the host itself; `unknown`: not identified. */
export const ActorKind = z.enum(["person", "token", "rollout", "webhook", "schedule", "host", "unknown"]);
export type ActorKind = z.infer<typeof ActorKind>;

/** Each role includes the permissions of the ones before it. */
export const Role = z.enum(["viewer", "operator", "admin"]);
export type Role = z.infer<typeof Role>;

export function roleAllows(has: Role, needs: Role): boolean {
  return Role.options.indexOf(has) >= Role.options.indexOf(needs);
}
