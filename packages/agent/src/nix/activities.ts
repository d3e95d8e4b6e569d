import { type BuildProgress, shorten, storeName } from "@nixfleet/protocol";

/** Activity types of Nix's logger (src/libutil/logging.hh, `ActivityType`) that this program knows. */
const activity = { copyPath: 100, fileTransfer: 101, copyPaths: 103, builds: 104, build: 105 } as const;
/** Result types (`ResultType`). */
const result = { setPhase: 104, progress: 105, setExpected: 106 } as const;

const MAX_SHOWN = 32;

interface Counts {
  done: number;
  expected: number;
  running: number;
  failed: number;
}

interface Activity {
  type: number;
  /** Of a build: the derivation, and the name of what is built. */
  subject: string | undefined;
  name: string | undefined;
  phase: string | undefined;
  since: number;
  counts: Counts;
  /** A download that is part of what was counted beforehand: descriptions of store paths are not. */
  isCounted: boolean;
}

/** Follows the activities of one Nix process and sums up its progress. */
export interface Activities {
  start(id: number, type: number, fields: readonly unknown[], at: number): void;
  stop(id: number): void;
  /** True: the progress may be another one now. */
  result(id: number, type: number, fields: readonly unknown[]): boolean;
  /** The name of what a build builds. */
  nameOf(id: number): string | undefined;
  /** The derivation that a build builds. */
  subjectOf(id: number): string | undefined;
  progress(): BuildProgress;
}

export function createActivities(): Activities {
  const living = new Map<number, Activity>();
  // Sums over activities that have ended, by type.
  const ended = new Map<number, Counts>();
  // The most that was ever expected: Nix takes its expectation back when the work is done.
  const expected = new Map<number, number>();

  const total = (type: number): Counts => {
    const sum = { ...(ended.get(type) ?? noCounts()) };
    for (const one of living.values()) if (one.type === type && one.isCounted) add(sum, one.counts);
    return sum;
  };
  const share = (type: number) => {
    const { done, expected: announced } = total(type);
    return { done, expected: Math.max(done, announced, expected.get(type) ?? 0) };
  };

  return {
    start(id, type, fields, at) {
      const subject = typeof fields[0] === "string" ? fields[0] : "";
      living.set(id, {
        type,
        subject: type === activity.build ? subject : undefined,
        name: type === activity.build ? storeName(subject) : undefined,
        phase: undefined,
        since: at,
        counts: noCounts(),
        isCounted: type !== activity.fileTransfer || !/\.narinfo$|\/nix-cache-info$/.test(subject),
      });
    },
    stop(id) {
      const one = living.get(id);
      if (one === undefined) return;
      living.delete(id);
      if (!one.isCounted) return;
      const sum = ended.get(one.type) ?? noCounts();
      add(sum, { ...one.counts, running: 0 });
      ended.set(one.type, sum);
    },
    result(id, type, fields) {
      const one = living.get(id);
      if (one === undefined) return false;
      if (type === result.setPhase && typeof fields[0] === "string") {
        one.phase = fields[0];
        return true;
      }
      if (type === result.progress) {
        const [done, announced, running, failed] = fields.map(toCount);
        const counts = { done: done ?? 0, expected: announced ?? 0, running: running ?? 0, failed: failed ?? 0 };
        if (one.type === activity.builds || one.type === activity.copyPaths) counts.expected = expectedOf(one.counts, counts);
        const isSame = JSON.stringify(counts) === JSON.stringify(one.counts);
        one.counts = counts;
        return !isSame && one.isCounted;
      }
      if (type === result.setExpected && typeof fields[0] === "number") {
        const before = expected.get(fields[0]) ?? 0;
        const now = toCount(fields[1]);
        if (now > before) expected.set(fields[0], now);
        return now > before;
      }
      return false;
    },
    nameOf: (id) => living.get(id)?.name,
    subjectOf: (id) => living.get(id)?.subject,
    progress() {
      const builds = total(activity.builds);
      const downloads = share(activity.fileTransfer);
      const running = [...living.values()].filter((one) => one.name !== undefined);
      return {
        builds: { ...builds, expected: Math.max(builds.expected, builds.done + builds.running + builds.failed) },
        copies: share(activity.copyPaths),
        // A cache that is a directory is copied from without a download.
        bytes: downloads.expected > 0 ? downloads : share(activity.copyPath),
        now: running.slice(0, MAX_SHOWN).map(({ name = "", phase, since }) => ({
          name: shorten(name, 250),
          ...(phase === undefined ? {} : { phase: shorten(phase, 60) }),
          since,
        })),
      };
    },
  };
}

/**
 * How many things are expected in all. Nix 2.34 counts one that ends twice in that moment, as done and as expected, and no version
 * expects any longer what is given up after a failure.
 */
function expectedOf(before: Counts, now: Counts): number {
  const hasEnded = now.done + now.failed > before.done + before.failed;
  if (before.expected === 0 || (!hasEnded && now.failed === 0)) return now.expected;
  return Math.max(before.expected, now.done + now.running + now.failed);
}

function noCounts(): Counts {
  return { done: 0, expected: 0, running: 0, failed: 0 };
}

function add(sum: Counts, counts: Counts): void {
  sum.done += counts.done;
  sum.expected += counts.expected;
  sum.running += counts.running;
  sum.failed += counts.failed;
}

function toCount(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
