import { messageOf } from "@nixfleet/runtime";
import type { Store } from "../store/index.ts";

export type HealthReport =
  | { status: "ok"; version: string; checks: HealthChecks }
  | { status: "bad"; version: string; reason: string; checks: HealthChecks };

export interface HealthChecks {
  /** Milliseconds of one small write and the reading of it; null: it failed. */
  readonly database: { readonly milliseconds: number | null };
  /** Longest time in milliseconds, in the last seconds, for which the process could do nothing else. */
  readonly eventLoop: { readonly longestStall: number };
}

export interface HealthDeps {
  readonly store: Store;
  readonly version: string;
  now(): number;
  /** Of `monitorEventLoopDelay`, enabled: nanoseconds. */
  readonly delays: { readonly max: number; reset(): void };
}

/** Above this many milliseconds the database, or the event loop, stalls. */
const STALL_LIMIT = 2000;
/** A report is given again for this long: who asks often does not write often. */
const REPORT_LIFETIME = 1000;
/** The event loop's longest stall is told for at least this long, so that a check every 30 s sees it. */
const STALL_WINDOW = 30_000;

/** Says whether this dashboard can do its work, by doing a little of it (R41). */
export function createHealth({ store, version, now, delays }: HealthDeps): { report(): Promise<HealthReport> } {
  let latest: { at: number; report: Promise<HealthReport> } | null = null;
  let window = { since: now(), before: 0 };

  /** Not so where the clock was set back since: else a report would be given again until the clock has caught up. */
  const isWithin = (since: number, time: number) => now() >= since && now() - since < time;

  function longestStall(): number {
    const current = delays.max / 1e6;
    const longest = Math.max(current, window.before);
    if (!isWithin(window.since, STALL_WINDOW)) {
      window = { since: now(), before: current };
      delays.reset();
    }
    return Math.round(longest);
  }

  /** A write that reaches the disk, and its reading. */
  async function probeDatabase(): Promise<{ milliseconds: number } | { fault: string }> {
    // A storage that is known to fail is tried by the store itself, with as many bytes as show that it works again.
    if (!store.storage.ok) return { fault: store.storage.reason };
    const value = String(now());
    const start = performance.now();
    try {
      await store.change(
        ({ db }) =>
          db
            .insertInto("meta")
            .values({ key: "health", value })
            .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
            .execute(),
        { whenUnavailable: "reject-at-once" },
      );
      const read = await store.db.selectFrom("meta").select("value").where("key", "=", "health").executeTakeFirst();
      if (read?.value !== value) return { fault: "The database does not give back what was written." };
      return { milliseconds: Math.round(performance.now() - start) };
    } catch (error) {
      return { fault: messageOf(error) };
    }
  }

  async function check(): Promise<HealthReport> {
    const stall = longestStall();
    const database = await probeDatabase();
    const milliseconds = "fault" in database ? null : database.milliseconds;
    const checks: HealthChecks = { database: { milliseconds }, eventLoop: { longestStall: stall } };
    const reason =
      "fault" in database
        ? database.fault
        : database.milliseconds > STALL_LIMIT
          ? `The database took ${database.milliseconds} ms for a small write.`
          : stall > STALL_LIMIT
            ? `The process stood still for ${stall} ms.`
            : null;
    return reason === null ? { status: "ok", version, checks } : { status: "bad", version, reason, checks };
  }

  return {
    report() {
      if (latest === null || !isWithin(latest.at, REPORT_LIFETIME)) latest = { at: now(), report: check() };
      return latest.report;
    },
  };
}
