import type {
  Compartment,
  CompartmentAnswer,
  HostId,
  HostRow,
  PhaseView,
  RunId,
  RunSummary,
  SourceId,
  Status,
} from "@nixfleet/protocol";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const REPO_URL = "ssh://git@git.example.net/admin/nixcfg.git";
export const SOURCE = "5f1c0a9e3b7d2468" as SourceId;
export const TARGET = "7f3a91c4d2e8b6a0f1c3d5e7a9b0c2d4e6f80a1b";
export const OLD = "4be20d70c1a2b3c4d5e6f708192a3b4c5d6e7f80";
export const OLDER = "e91d0aa1b2c3d4e5f60718293a4b5c6d7e8f9001";

/** An id of the right shape that is always the same for a number. */
export function idOf(number: number): string {
  return number
    .toString(32)
    .replace(/[ilou]/g, "z")
    .padStart(26, "0");
}

const answer = (status: Status, word: string, sentence = `${word}.`): CompartmentAnswer => ({ status, word, sentence });

const WELL: Record<Compartment, CompartmentAnswer> = {
  agent: answer("ok", "current", "1.8.2, the version that the target pins."),
  git: answer("ok", "at target", "The clone is at 7f3a91c."),
  lock: answer("ok", "equal", "All 9 inputs equal the target’s."),
  system: answer("ok", "current", "The running system was deployed from 7f3a91c."),
  tests: answer("ok", "5 passed", "5 tests passed on what runs."),
};

/** A host that is well, but for what is said otherwise. */
export function hostRow(
  change: Partial<Omit<HostRow, "compartments">> & { compartments?: Partial<Record<Compartment, CompartmentAnswer>> } = {},
): HostRow {
  const { compartments, ...rest } = change;
  return {
    id: idOf(1) as HostId,
    name: "hsb0",
    platform: "nixos",
    sourceId: SOURCE,
    system: "x86_64-linux",
    tags: ["home"],
    location: null,
    deviceType: null,
    color: null,
    reachability: { state: "online", since: null },
    status: "ok",
    since: null,
    cause: null,
    compartments: { ...WELL, ...compartments },
    next: null,
    deniedOps: {},
    runs: { commit: TARGET, since: 0, generation: 100, specialisation: null },
    specialisations: [],
    relation: { kind: "equal" },
    load: 0.4,
    cores: 4,
    memory: 0.4,
    disk: 0.5,
    run: null,
    conflict: null,
    ...rest,
  };
}

const BEHIND: Partial<Record<Compartment, CompartmentAnswer>> = {
  agent: answer("attention", "outdated", "1.8.1 runs; the target pins 1.8.2."),
  git: answer("attention", "3 behind", "The clone is 3 commits behind the target."),
  lock: answer("attention", "2 inputs", "nixpkgs and nixfleet differ from the target’s."),
  system: answer("unknown", "not yet", "Pull first."),
  tests: answer("unknown", "not yet", "Tests run once the target is active."),
};

function phases(now: number): PhaseView[] {
  const at = now - 3 * MINUTE - 12_000;
  const done = (phase: PhaseView["phase"], from: number, to: number): PhaseView => ({
    phase,
    state: "done",
    startedAt: at + from,
    endedAt: at + to,
    estimate: to - from,
    share: null,
  });
  const toCome = (phase: PhaseView["phase"], estimate: number | null): PhaseView => ({
    phase,
    state: "to-come",
    startedAt: null,
    endedAt: null,
    estimate,
    share: null,
  });
  return [
    done("fetch", 0, 1_200),
    done("evaluate", 1_200, 23_200),
    { phase: "build", state: "current", startedAt: at + 23_200, endedAt: null, estimate: 280_000, share: 0.61 },
    toCome("diff", null),
    toCome("activate", 9_000),
  ];
}

/** A run that succeeded, but for what is said otherwise. */
export function runSummary(change: Partial<RunSummary> = {}): RunSummary {
  return {
    id: idOf(900) as RunId,
    number: 2184,
    hostId: idOf(1) as HostId,
    hostName: "hsb1",
    op: "switch",
    title: "Switch to 7f3a91c",
    state: "succeeded",
    status: "ok",
    word: "succeeded",
    sentence: "Generation 531 runs.",
    queueReason: null,
    hold: null,
    actorKind: "person",
    by: "admin",
    createdAt: 0,
    startedAt: 0,
    endedAt: 108_000,
    phases: [],
    remaining: null,
    slow: false,
    linkLost: false,
    cancelling: false,
    ...change,
  };
}

/** The fleet of the design's pictures, as it would be at a moment. */
export function pictureFleet(now: number): { rows: HostRow[]; runs: RunSummary[] } {
  const runs = { commit: TARGET, since: now - 20 * MINUTE, generation: 300, specialisation: null };
  const row = (number: number, name: string, tags: string[], change: Parameters<typeof hostRow>[0] = {}): HostRow =>
    hostRow({ id: idOf(number) as HostId, name, tags, runs, ...change });
  const well = (number: number, name: string, tags: string[], memory: number, load: number, tests: number, generation: number) =>
    row(number, name, tags, {
      memory,
      load,
      runs: { ...runs, generation, since: now - (10 + number) * MINUTE },
      compartments: { tests: answer("ok", `${tests} passed`) },
    });
  const building = runSummary({
    id: idOf(901) as RunId,
    hostId: idOf(5) as HostId,
    state: "running",
    status: "working",
    word: "Build 61 %",
    sentence: "214 of 351 derivations, now linux-6.12.61",
    createdAt: now - 3 * MINUTE - 13_000,
    startedAt: now - 3 * MINUTE - 12_000,
    endedAt: null,
    phases: phases(now),
    remaining: 118_000,
  });
  const waiting = runSummary({
    id: idOf(902) as RunId,
    number: 2185,
    hostId: idOf(15) as HostId,
    hostName: "rpi2",
    op: "pull",
    title: "Pull",
    state: "queued",
    status: "unknown",
    word: "queued",
    sentence: "Waiting for the host to connect.",
    queueReason: "host-offline",
    createdAt: now - 8 * MINUTE,
    startedAt: null,
    endedAt: null,
  });
  return {
    runs: [building, waiting],
    rows: [
      row(1, "csb1", ["web", "edge"], {
        location: "cloud",
        status: "broken",
        since: now - 12 * MINUTE,
        cause: { lead: "Switch failed", detail: "nginx.service: host not found in upstream “grafana.internal”" },
        compartments: {
          system: answer("broken", "failed", "The switch to 7f3a91c failed 12 min ago in activate."),
          tests: answer("unknown", "not run", "Tests run once the target is active. Last: 9 passed on generation 287."),
        },
        next: { kind: "start", label: "Retry", op: "switch", args: {}, whenBlocked: "refuse", compartment: "system" },
        runs: { commit: OLD, since: now - 6 * DAY, generation: 287, specialisation: null },
        load: 0.8,
        memory: 0.71,
      }),
      row(2, "gpc0", ["desktop", "games"], {
        status: "attention",
        since: now - 6 * DAY,
        cause: { lead: "Pulled, not switched", detail: "runs 4be20d7, 3 commits before the target" },
        compartments: { system: answer("attention", "not switched"), tests: answer("unknown", "not yet") },
        next: { kind: "start", label: "Switch", op: "switch", args: {}, whenBlocked: "refuse", compartment: "system" },
        runs: { commit: OLD, since: now - 6 * DAY, generation: 411, specialisation: "gaming" },
        specialisations: ["gaming", "quiet"],
        load: 1.9,
        cores: 16,
        memory: 0.38,
      }),
      row(3, "imac0", ["home", "desktop"], {
        platform: "home-manager",
        system: "aarch64-darwin",
        status: "attention",
        since: now - 13 * DAY,
        cause: { lead: "3 commits behind", detail: "agent 1.8.2 is pinned and waits for a pull; 2 lock inputs differ" },
        compartments: BEHIND,
        next: { kind: "start", label: "Pull", op: "pull", args: {}, whenBlocked: "refuse", compartment: "git" },
        relation: { kind: "behind", behind: 3 },
        runs: { commit: OLDER, since: now - 13 * DAY, generation: 96, specialisation: null },
        load: 2.4,
        cores: 10,
        memory: 0.64,
      }),
      row(4, "mba-work", ["work", "laptop"], {
        platform: "home-manager",
        system: "aarch64-darwin",
        reachability: { state: "offline", since: now - 3 * HOUR },
        status: "attention",
        since: now - 3 * HOUR,
        cause: { lead: "3 commits behind, offline", detail: "the pull can be queued until the host is back" },
        compartments: BEHIND,
        next: { kind: "start", label: "Queue pull", op: "pull", args: {}, whenBlocked: "queue", compartment: "git" },
        deniedOps: { refresh: "The host is not connected.", "restart-agent": "The host is not connected." },
        relation: { kind: "behind", behind: 3 },
        runs: { commit: OLDER, since: now - 13 * DAY, generation: 58, specialisation: null },
        load: null,
        memory: null,
      }),
      row(5, "hsb1", ["home", "server"], {
        status: "working",
        compartments: { system: answer("working", "switching"), tests: answer("unknown", "not yet") },
        next: { kind: "open-run", label: "Open run", runId: building.id },
        run: building,
        runs: { commit: OLD, since: now - 6 * DAY, generation: 530, specialisation: null },
        load: 7.1,
        cores: 8,
        memory: 0.55,
      }),
      well(6, "bld0", ["builder", "cloud"], 0.44, 2.8, 6, 188),
      well(7, "csb0", ["cloud", "web"], 0.52, 0.4, 9, 301),
      well(8, "hsb0", ["home", "dns"], 0.33, 0.2, 12, 644),
      well(9, "hsb8", ["home", "backup"], 0.27, 0.1, 4, 212),
      well(10, "mbp0", ["laptop", "home"], 0.69, 2.9, 3, 77),
      well(11, "mon0", ["cloud", "monitor"], 0.93, 0.6, 7, 159),
      row(12, "nas0", ["home", "storage"], { reachability: { state: "stale", since: now - 4 * MINUTE }, memory: 0.47 }),
      well(13, "rpi0", ["home", "iot"], 0.58, 0.9, 5, 91),
      well(14, "rpi1", ["home", "iot"], 0.61, 0.7, 5, 88),
      row(15, "rpi2", ["home", "iot"], {
        reachability: { state: "offline", since: now - 40 * MINUTE },
        status: "attention",
        since: now - 40 * MINUTE,
        cause: { lead: "3 commits behind, offline", detail: "a pull waits in the queue" },
        compartments: BEHIND,
        next: { kind: "open-run", label: "Open run", runId: waiting.id },
        run: waiting,
        load: null,
        memory: null,
      }),
    ],
  };
}

/** A fleet of any size, for looking at many rows. */
export function largeFleet(count: number, now: number): HostRow[] {
  const { rows } = pictureFleet(now);
  return Array.from({ length: count }, (_, index) => {
    const model = rows[index % rows.length] as HostRow;
    return { ...model, id: idOf(1000 + index) as HostId, name: `${model.name}-${index}`, run: null };
  });
}
