import { messageOf } from "@nixfleet/runtime";
import type { Store } from "../store/index.ts";

export type HealthReport =
  | { status: "ok"; version: string; checks: HealthChecks }
  | { status: "bad"; version: string; reason: string; checks: HealthChecks };

export interface HealthChecks {
  /** Milliseconds for a small write and reading it back; null: failed. */
  readonly database: { readonly milliseconds: number | null };
  /** Longest time in milliseconds for which the event loop was blocked recently. */
  readonly eventLoop: { readonly longestStall: number };
}

export interface HealthDeps {
  readonly store: Store;
  readonly version: string;
  now(): number;
  /** Of `monitorEventLoopDelay`, enabled: nanoseconds. */
  readonly delays: { readonly max: number; reset(): void };
}

/** Milliseconds above which the database or the event loop counts as stalled. */
const STALL_LIMIT = 2000;
/** A report is reused for this long, so that frequent checks do not write often. */
const REPORT_LIFETIME = 1000;
/** The longest stall is reported for at least this long, so that a check every 30 s sees it. */
const STALL_WINDOW = 30_000;

/** Reports whether the dashboard works by exercising its parts (R41). */
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

  /** Writes a value to disk and reads it back. */
  async function probeDatabase(): Promise<{ milliseconds: number } | { fault: string }> {
    // The store itself probes a failed storage, with enough bytes to show that it has recovered.
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
      if (read?.value !== value) return { fault: "The database did not return what was written." };
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
            ? `The event loop was blocked for ${stall} ms.`
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
