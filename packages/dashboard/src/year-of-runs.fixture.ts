import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import {
  type ClosureDiff,
  encodeUlid,
  type HostId,
  type LogLine,
  type OpName,
  opDeclaration,
  type Preview,
  type RunId,
  type RunState,
} from "@nixfleet/protocol";
import { sampleFacts, samplePolicy, sampleSettings, simulatedClosure } from "@nixfleet/testkit";
import { hashToken, makeToken } from "./hosts/host-token.ts";
import { markLines, packLines } from "./runs/log-chunk.ts";
import type { LogMarks, PhaseRecord, RunOutcome } from "./store/index.ts";

/** How much a year has. The same size gives the same year. */
export interface YearSize {
  readonly hosts: number;
  readonly runsPerHost: number;
  /** Share of the previews that have a diff of some 150 KB. */
  readonly diffShare?: number;
  /** Bytes of text that the log of a run has, about. */
  readonly logBytes?: number;
  /** The newest runs of each host whose log is not packed yet. */
  readonly plainLogs?: number;
  /** A day of five-minute means of each host. */
  readonly metrics?: boolean;
  /** When the year ends. */
  readonly now: number;
}

export interface YearHost {
  readonly id: HostId;
  readonly name: string;
  /** Opens the link of this host. */
  readonly token: string;
  readonly addedAt: number;
  /** What it says of itself at the end of the year, by name of the fact. */
  readonly facts: ReturnType<typeof sampleFacts>;
  readonly policy: typeof samplePolicy;
  readonly settings: typeof sampleSettings;
}

export interface YearRun {
  readonly id: RunId;
  readonly number: number;
  readonly host: YearHost;
  readonly op: OpName;
  readonly args: Record<string, unknown>;
  readonly state: RunState;
  readonly commit: string;
  readonly createdAt: number;
  readonly endedAt: number;
  readonly phases: readonly PhaseRecord[];
  readonly outcome: RunOutcome;
  readonly preview: Preview | null;
  /** JSON of a `ClosureDiff`. */
  readonly diff: string | null;
  /** What it activated. */
  readonly deployed: string | null;
  readonly log: YearLog | null;
  readonly packed: boolean;
}

/** A log of one chunk. */
export interface YearLog {
  readonly lines: number;
  readonly bytes: number;
  readonly marks: LogMarks | null;
  readonly plain: Uint8Array;
  readonly zstd: Uint8Array;
}

const DAY = 24 * 60 * 60_000;
const YEAR = 365 * DAY;
const LAST_DAY = 364;
/** Different logs and diffs; runs share them, since the database keeps a copy for each in any case. */
const VARIANTS = 16;
const DIFF_PACKAGES = 1400;

/** Out of a hundred runs. */
const OPS: readonly [OpName, number][] = [
  ["refresh", 30],
  ["pull", 24],
  ["switch", 15],
  ["test", 15],
  ["preview", 10],
  ["collect-garbage", 3],
  ["reboot", 2],
  ["rollback", 1],
];

/** Numbers that look random and are the same each time (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ulid = (at: number, count: number) => encodeUlid((BigInt(at) << 80n) | BigInt(count));

/** The commit of a day. */
export const commitOfDay = (day: number) => createHash("sha1").update(`day ${day}`).digest("hex");

/** The hosts of a year, as they are at its end. */
export function hostsOfYear({ hosts, now }: YearSize): YearHost[] {
  const addedAt = now - YEAR - DAY;
  return Array.from({ length: hosts }, (_, number) => {
    const name = `host-${String(number).padStart(4, "0")}`;
    const bytes = (count: number) => createHash("sha256").update(name).digest().subarray(0, count);
    return {
      id: ulid(addedAt, number) as HostId,
      name,
      token: makeToken(name, bytes),
      addedAt,
      facts: sampleFacts(name, { commit: commitOfDay(LAST_DAY), now }),
      policy: samplePolicy,
      settings: { ...sampleSettings },
    };
  });
}

export const tokenHash = ({ token }: YearHost) => hashToken(token);

/** The runs of a year, the oldest first: those of all hosts in turn, all ended. */
export function* runsOfYear(size: YearSize, hosts: readonly YearHost[]): Generator<YearRun> {
  const { runsPerHost, diffShare = 0.5, logBytes = 4000, plainLogs = 0, now } = size;
  const random = createRandom(7);
  const diffs = Array.from({ length: VARIANTS }, (_, variant) => JSON.stringify(diffOf(variant, random)));
  const logs = logBytes === 0 ? [] : Array.from({ length: VARIANTS }, (_, variant) => logOf(variant, logBytes, random));
  const total = hosts.length * runsPerHost;
  for (let place = 0; place < total; place += 1) {
    const host = hosts[place % hosts.length];
    if (host === undefined) return;
    const createdAt = Math.floor(now - YEAR + (place * (YEAR - DAY)) / total);
    const op = pick(random());
    const state = stateOf(random());
    const { endedAt, phases } = phasesFrom(createdAt, op, random);
    // Every third host has been at one commit all the year, so that one closure has a long history too.
    const day = (place % hosts.length) % 3 === 1 ? LAST_DAY : Math.floor((createdAt - now + YEAR) / DAY);
    const commit = commitOfDay(day);
    const closure = simulatedClosure(commit, host.name);
    const done = state === "succeeded";
    const previewed = done && op === "preview";
    yield {
      id: ulid(createdAt, place) as RunId,
      number: place + 1,
      host,
      op,
      args: argsOf(op, commit),
      state,
      commit,
      createdAt,
      endedAt,
      phases,
      outcome: outcomeOf(state),
      preview: previewed ? { commit, closure, against: closure, units: null, reboot: NO_REBOOT, agent: "same" } : null,
      diff: previewed && random() < diffShare ? (diffs[place % VARIANTS] ?? null) : null,
      deployed: done && (op === "switch" || op === "rollback") ? closure : null,
      log: logs[place % VARIANTS] ?? null,
      packed: place < total - plainLogs * hosts.length,
    };
  }
}

const NO_REBOOT = { needed: false, reasons: [] };

function pick(at: number): OpName {
  let sum = 0;
  for (const [op, share] of OPS) {
    sum += share / 100;
    if (at < sum) return op;
  }
  return "refresh";
}

const stateOf = (at: number): RunState => (at < 0.92 ? "succeeded" : at < 0.98 ? "failed" : "cancelled");

function argsOf(op: OpName, commit: string): Record<string, unknown> {
  switch (op) {
    case "switch":
      return { mode: "switch", commit };
    case "pull":
    case "preview":
      return { commit };
    case "rollback":
      return { generation: 1 };
    case "collect-garbage":
      return { keepDays: 30 };
    case "test":
    case "reboot":
    case "refresh":
    case "restart-agent":
      return {};
  }
}

function phasesFrom(createdAt: number, op: OpName, random: () => number): { endedAt: number; phases: PhaseRecord[] } {
  let at = createdAt + 50;
  const phases = opDeclaration(op).phases.map((phase): PhaseRecord => {
    const startedAt = at;
    at += Math.floor(500 + random() * 60_000);
    return { phase, startedAt, endedAt: at };
  });
  return { endedAt: at, phases };
}

function outcomeOf(state: RunState): RunOutcome {
  if (state === "failed") {
    const firstError = "error: builder for 'hello.drv' failed with exit code 1";
    return { code: "build-failed", reason: "The build failed.", firstError, reported: true };
  }
  return { code: null, reason: state === "cancelled" ? "Cancelled by ada." : null, firstError: null, reported: true };
}

/** Some 150 KB as JSON. */
function diffOf(variant: number, random: () => number): ClosureDiff {
  const version = () => `${Math.floor(random() * 10)}.${Math.floor(random() * 100)}.${Math.floor(random() * 100)}`;
  const changed = Array.from({ length: DIFF_PACKAGES }, (_, place) => ({
    name: `package-${variant}-${place}`,
    from: [version()],
    to: [version()],
    sizeBefore: Math.floor(random() * 1e8),
    sizeAfter: Math.floor(random() * 1e8),
  }));
  return {
    from: null,
    to: `/nix/store/${"1".repeat(32)}-system-${variant}`,
    added: [],
    removed: [],
    changed,
    sizeBefore: 1,
    sizeAfter: 2,
  };
}

function logOf(variant: number, bytes: number, random: () => number): YearLog {
  const lines: LogLine[] = [];
  let size = 0;
  while (size < bytes && lines.length < 2000) {
    const hash = createHash("sha256").update(`${random()}`).digest("hex").slice(0, 32);
    const text = `copying path '/nix/store/${hash}-package-${variant}-${lines.length}' from 'https://cache.nixos.org'...`;
    lines.push({ at: 1, stream: "nix", text, ...(lines.length % 50 === 49 ? { level: "warning" } : {}) });
    size += text.length;
  }
  const plain = packLines(lines);
  return { lines: lines.length, bytes: size, marks: markLines(lines), plain, zstd: zstdCompressSync(plain) };
}
