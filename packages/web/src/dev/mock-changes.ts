import type {
  ChangesView,
  ClosureDiff,
  Commit,
  GenerationView,
  HostRow,
  NextAction,
  Preview,
  RunId,
  RunSummary,
} from "@nixfleet/protocol";
import { idOf, OLD, OLDER, runSummary, TARGET } from "./host-rows.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MIB = 1024 ** 2;

/** A store path of the right shape that is always the same for a name and a letter. */
export function storePath(name: string, letter: string): string {
  return `/nix/store/${letter.repeat(4)}8q1vabcdfghijklmnpqrsvwxyz01-nixos-system-${name}-26.05`;
}

export const PICTURE_DIFF: ClosureDiff = {
  from: storePath("gpc0", "a"),
  to: storePath("gpc0", "b"),
  added: [
    { name: "gamescope", versions: ["3.16.17"], size: 24.1 * MIB },
    { name: "libdisplay-info", versions: ["0.3.0"], size: 0.4 * MIB },
    { name: "vulkan-utility-libraries", versions: ["1.4.328.0"], size: 0.1 * MIB },
  ],
  removed: [{ name: "gtk2", versions: ["2.24.33"], size: 18.2 * MIB }],
  changed: [
    ...(
      [
        ["linux", "6.12.58", "6.12.61", 1.1],
        ["nvidia-x11", "580.95.05", "580.105.08", 38.6],
        ["mesa", "25.2.6", "25.3.0", 61.4],
        ["firefox", "144.0.2", "145.0.1", 9.8],
        ["steam-unwrapped", "1.0.0.84", "1.0.0.85", 0],
        ["systemd", "258.1", "258.2", 0.2],
        ["openssl", "3.6.0", "3.6.0", 0],
        ["pipewire", "1.4.9", "1.5.82", 2.9],
        ["nixfleet-agent", "1.8.1", "1.8.2", 0.3],
      ] as const
    ).map(([name, from, to, grows]) => ({
      name,
      from: [from],
      to: [to],
      sizeBefore: 100 * MIB,
      sizeAfter: Math.round((100 + grows) * MIB),
    })),
    ...Array.from({ length: 42 }, (_, index) => ({
      name: `python3.13-module-with-quite-a-long-name-${index}`,
      from: [`1.${index}.0`],
      to: [`1.${index}.${index % 3 === 0 ? 1 : 0}`],
      sizeBefore: MIB,
      sizeAfter: MIB,
    })),
  ],
  sizeBefore: 7.8 * 1024 * MIB,
  sizeAfter: 7.8 * 1024 * MIB + 182 * MIB,
};

const preview = (host: string, change: Partial<Preview> = {}): Preview => ({
  commit: TARGET,
  closure: storePath(host, "b"),
  against: storePath(host, "a"),
  units: {
    stop: [],
    start: ["gamescope-session.service"],
    restart: ["pipewire.service", "nix-daemon.service", "polkit.service", "systemd-resolved.service"],
    reload: ["dbus-broker.service", "firewall.service"],
  },
  reboot: { needed: true, reasons: ["kernel 6.12.58 to 6.12.61", "kernel modules"] },
  agent: "changed",
  ...change,
});

const start = (op: "preview" | "switch", label: string, args: Record<string, unknown> = {}): NextAction => ({
  kind: "start",
  label,
  op,
  args,
  whenBlocked: "refuse",
  compartment: null,
});

const previewRun = (row: HostRow, change: Partial<RunSummary> = {}): RunSummary =>
  runSummary({
    id: idOf(3000 + Number.parseInt(row.id.slice(-3), 32)) as RunId,
    hostId: row.id,
    hostName: row.name,
    createdAt: Date.now() - 8 * MINUTE,
    startedAt: Date.now() - 8 * MINUTE,
    endedAt: Date.now() - 6 * MINUTE,
    op: "preview",
    title: "Preview 7f3a91c",
    sentence: "What a switch to 7f3a91c would change is known, and nothing was changed.",
    ...change,
  });

/** What a host's last preview showed: another state of the page for each of these hosts, none for the others. */
export function changesOf(row: HostRow, now: number): ChangesView {
  const none: ChangesView = {
    run: null,
    preview: null,
    previewedAt: null,
    diff: null,
    commits: [],
    commitsComplete: true,
    standing: "none",
    sentence: "No preview yet. A preview shows what a switch would change, without changing anything.",
    action: start("preview", "Preview"),
    forced: null,
  };
  const fresh: ChangesView = {
    ...none,
    run: previewRun(row),
    preview: preview(row.name),
    previewedAt: now - 6 * MINUTE,
    diff: PICTURE_DIFF,
    commits: (
      [
        [TARGET, "nginx: raise worker connections on the edge hosts", 24 * MINUTE],
        [OLDER, "gpc0: gamescope session", 2 * DAY],
        [OLD, "flake.lock: nixpkgs, home-manager", 5 * DAY],
      ] as const
    ).map(([commit, subject, ago]) => ({
      commit,
      subject,
      author: "admin",
      at: now - ago,
      url: `https://git.example.net/admin/nixcfg/commit/${commit}`,
    })),
    standing: "fresh",
    sentence:
      "A switch to 7f3a91c changes 51 packages, adds 3 packages, removes 1 package, restarts 4 units, starts 1 unit, reloads 2 units and needs a reboot.",
    action: start("switch", "Switch to this", { mode: "switch", commit: TARGET, closure: storePath(row.name, "b") }),
  };
  switch (row.name) {
    case "gpc0":
      return fresh;
    case "csb1":
      return {
        ...fresh,
        run: previewRun(row, {
          state: "failed",
          status: "broken",
          word: "failed",
          sentence: "Nix could not evaluate the configuration.",
        }),
        standing: "target-moved",
        sentence: "This preview shows e91d0aa, but the target is now 7f3a91c.",
        action: start("preview", "Preview again"),
      };
    case "bld0":
      return {
        ...none,
        run: previewRun(row, {
          state: "running",
          status: "working",
          word: "Build 61 %",
          sentence: "214 of 351 built, linux-6.12.61 now.",
          createdAt: now - 192_000,
          startedAt: now - 192_000,
          endedAt: null,
          phases: [
            { phase: "fetch", state: "done", startedAt: now - 192_000, endedAt: now - 190_000, estimate: 1_000, share: null },
            { phase: "verify", state: "done", startedAt: now - 190_000, endedAt: now - 190_000, estimate: 1_000, share: null },
            { phase: "evaluate", state: "done", startedAt: now - 190_000, endedAt: now - 168_000, estimate: 20_000, share: null },
            { phase: "build", state: "current", startedAt: now - 168_000, endedAt: null, estimate: 280_000, share: 0.61 },
            { phase: "diff", state: "to-come", startedAt: null, endedAt: null, estimate: 1_000, share: null },
          ],
          remaining: 118_000,
        }),
        sentence: "The first preview of this host is running.",
        action: { kind: "open-run", label: "Open run", runId: previewRun(row).id },
      };
    case "csb0":
      return {
        ...fresh,
        preview: preview(row.name, {
          closure: storePath(row.name, "a"),
          units: { stop: [], start: [], restart: [], reload: [] },
          reboot: { needed: false, reasons: [] },
          agent: "same",
        }),
        diff: { ...PICTURE_DIFF, added: [], removed: [], changed: [], sizeAfter: PICTURE_DIFF.sizeBefore ?? 0 },
        commits: [],
        sentence: "7f3a91c builds exactly what the host runs. There is nothing to switch to.",
        action: null,
      };
    case "mon0":
      return {
        ...fresh,
        preview: preview(row.name, {
          agent: "missing",
          lockOut: {
            risks: ["The key ada@laptop of root is removed."],
            unclear: ["sshd has another AllowGroups: ssh-users. Whom that keeps out cannot be told."],
          },
          units: null,
          reboot: { needed: false, reasons: [] },
        }),
        sentence:
          "A switch to 7f3a91c changes 51 packages, adds 3 packages and removes 1 package. It takes away the agent and 1 way into the host, so it is refused unless you force it.",
        commits: [],
        commitsComplete: false,
        action: null,
        forced: start("switch", "Switch anyway…", {
          mode: "switch",
          commit: TARGET,
          closure: storePath(row.name, "b"),
        }),
      };
    default:
      return none;
  }
}

const SUBJECTS = [
  "nginx: raise worker connections on the edge hosts",
  "grafana: move to mon0",
  "flake.lock: nixpkgs, home-manager",
];

/** Generations in every state: what runs, what boots next, one made outside, one without a known commit, collected ones. */
export function generationsOf(row: HostRow, now: number): GenerationView[] {
  const newest = row.runs.generation ?? 14;
  const denied = row.name === "mon0" ? "The host's own configuration does not allow this operation." : null;
  return Array.from({ length: 14 }, (_, index): GenerationView => {
    const number = newest - index;
    const collected = index > 9;
    const outside = index === 4;
    return {
      number,
      at: now - (index * 5 + 0.2) * DAY,
      closure: collected ? null : storePath(row.name, "abcdfghijk"[index] ?? "a"),
      commit: collected || outside ? null : ([TARGET, OLD, OLDER][index % 3] as Commit),
      subject: collected || outside || index === 6 ? null : (SUBJECTS[index % 3] ?? null),
      by: collected || outside ? null : index % 2 === 0 ? "admin" : "ada",
      runId: collected || outside ? null : (idOf(2100) as RunId),
      marks: index === 0 ? ["running", "next-boot", "last-known-good"] : index === 2 ? ["booted"] : [],
      rollback:
        index === 0 || collected || denied !== null
          ? null
          : {
              ...(start("switch", `Roll back to ${number}`, { generation: number }) as Extract<NextAction, { kind: "start" }>),
              op: "rollback",
            },
      denied: collected ? "Its closure was garbage-collected." : index === 0 ? null : denied,
    };
  });
}
