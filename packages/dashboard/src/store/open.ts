import { rm } from "node:fs/promises";
import type { FromDashboard, HostId } from "@nixfleet/protocol";
import { type Clock, every } from "@nixfleet/runtime";
import { Kysely } from "kysely";
import type { Bus, PublishStored } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { Change } from "./change.ts";
import { type ChangeOptions, createChangeQueue } from "./change-queue.ts";
import { ColumnCodecs } from "./columns.ts";
import { migrate, migrations } from "./migrations.ts";
import type { Database } from "./schema.ts";
import { type AroundStatement, openSqlite } from "./sqlite.ts";
import { StorageUnavailable } from "./storage-fault.ts";

/** How often a storage that failed is tried again, in milliseconds. */
const PROBE_INTERVAL = 2000;
/** A lock of another program that lasts longer than this, in milliseconds, is shown as a fault. */
const LOCK_SHOWN_AFTER = 500;
/** How long the start waits for another program's lock, in milliseconds. */
const OPEN_TIMEOUT = 60_000;
const OPEN_RETRY = 250;

export type StorageState = { ok: true } | { ok: false; reason: string; since: number };

/** The part of Kysely that cannot write. */
export type Reader = Pick<Kysely<Database>, "selectFrom" | "with" | "fn">;

export interface Store extends AsyncDisposable {
  /** For reading. Inside of a change only its own `db` may be used: there, this throws instead of waiting for ever. */
  readonly db: Reader;
  /**
   * The only way to write (R73). Does `work` in one transaction, then releases what follows from it. When this resolves, all of it is
   * stored durably, published and sent; when it rejects, nothing is. Changes follow one another in the order of the calls, so what
   * `work` reads cannot change before it has written. `work` waits for nothing but the database, may be called again after a
   * storage fault, and leaves no trace but through the change that it is given. Rejects with StorageUnavailable if the disk, the file
   * or another program's lock is in the way.
   */
  change<T>(work: (change: Change) => Promise<T>, options?: ChangeOptions): Promise<T>;
  /** Not ok from a change that did not reach the disk until one does. Each difference is published as `storage.changed`. */
  readonly storage: StorageState;
  /** Transactions since the start (R43). */
  readonly transactions: number;
  /** Changes that are not stored yet. */
  readonly waiting: number;
  /** Stores waiting changes if possible, then closes the database. */
  close(): Promise<void>;
}

export interface StoreDeps {
  /** The database file, or ":memory:". A backup is made beside it before a migration. */
  readonly path: string;
  readonly clock: Clock;
  readonly bus: Bus;
  /** Of the same bus: publishes what changes cause. */
  readonly publish: PublishStored;
  /** Sends a message over a host's link; drops it if the host is not connected. */
  send(hostId: HostId, message: FromDashboard): void;
  readonly log: Logger;
  /** For tests of a full disk: the file grows no further than this many pages. Called with the setter once it is open. */
  readonly onLimit?: ((limitPages: (pages: number) => void) => void) | undefined;
  /** For tests of what is read: called, once the store is open, with each statement instead of doing it. */
  readonly aroundStatement?: AroundStatement | undefined;
}

/** Opens the store and brings its schema up to date. Throws NewerSchemaError if a newer program wrote it. */
export async function openStore(deps: StoreDeps): Promise<Store> {
  const { path, clock, bus, publish, send, log, onLimit, aroundStatement } = deps;
  let open = false;
  const around: AroundStatement | undefined = aroundStatement && ((sql, run) => (open ? aroundStatement(sql, run) : run()));
  const sqlite = await whileLocked(clock, log, async () => openSqlite(path, { around }));
  const db = new Kysely<Database>({ dialect: sqlite.dialect, plugins: [new ColumnCodecs()] });
  try {
    let copy: string | null = null;
    const backUp = async (before: string) => {
      const target = `${path}.before-${before}.${clock.now()}`;
      sqlite.backUp(target);
      copy = target;
      log.info({ copy }, "Backed up the database before its migration");
    };
    const { applied } = await whileLocked(clock, log, async () => {
      try {
        return await sqlite.withoutForeignKeys(() => migrate(db as Kysely<unknown>, migrations({ bytes: "blob" }), backUp));
      } catch (error) {
        // The database is as it was. A service that is started again and again does not fill the disk with copies of it.
        if (copy !== null) await rm(copy, { force: true });
        throw error;
      }
    });
    if (applied.length > 0) log.info({ applied }, "Migrated the database");
  } catch (error) {
    await db.destroy();
    throw error;
  }
  onLimit?.(sqlite.limitPages);
  open = true;

  let storage: StorageState = { ok: true };
  /** Since when another program's lock blocks changes. */
  let lockedSince: number | null = null;

  const queue = createChangeQueue({
    db,
    clock,
    sinks: { publish, send, log, now: () => clock.now() },
    storage: {
      get available() {
        return storage.ok;
      },
      succeeded() {
        // A full disk may still have room for a small change, so only a released lock counts as recovery here.
        if (lockedSince !== null) markRecovered();
      },
      failed(fault) {
        if (fault.locked) {
          lockedSince ??= clock.now();
          if (clock.now() - lockedSince < LOCK_SHOWN_AFTER) return;
        } else lockedSince = null;
        if (storage.ok) {
          storage = { ok: false, reason: fault.message, since: lockedSince ?? clock.now() };
          log.error({ err: fault }, fault.message);
          bus.emit("storage.changed", {});
        }
        probe.reschedule();
      },
    },
  });

  function markRecovered(): void {
    lockedSince = null;
    if (storage.ok) return;
    storage = { ok: true };
    log.info("The database is writable again");
    bus.emit("storage.changed", {});
    queue.resume();
  }

  /**
   * Allocates space and frees it again. A change that fits into an existing page would prove nothing, so only this shows that a failed
   * storage has recovered.
   */
  async function probeStorage(): Promise<void> {
    if (storage.ok) return;
    const value = "0".repeat(65_536);
    try {
      await queue.change(
        ({ db: trx }) =>
          trx
            .insertInto("meta")
            .values({ key: "storage-probe", value })
            .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
            .execute(),
        { whenUnavailable: "reject-at-once" },
      );
      await queue.change(({ db: trx }) => trx.deleteFrom("meta").where("key", "=", "storage-probe").execute(), {
        whenUnavailable: "reject-at-once",
      });
      markRecovered();
    } catch (error) {
      // Still failing: the next probe comes. Anything else would be a bug of this program.
      if (!(error instanceof StorageUnavailable)) throw error;
    }
  }

  const probe = every(probeStorage, {
    clock,
    interval: () => (storage.ok ? Number.POSITIVE_INFINITY : PROBE_INTERVAL),
    onError: (error) => log.error({ err: error }, "Probing the storage failed"),
  });

  const store: Store = {
    get db() {
      if (queue.inChange) throw new Error("Within a change only its own db may be used");
      return db;
    },
    change: queue.change,
    get storage() {
      return storage;
    },
    get transactions() {
      return queue.transactions;
    },
    get waiting() {
      return queue.waiting;
    },
    async close() {
      await queue.close();
      await probe[Symbol.asyncDispose]();
      await db.destroy();
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

/** Tries again while another program holds the database's lock, for a minute at most. */
async function whileLocked<T>(clock: Clock, log: Logger, work: () => Promise<T>): Promise<T> {
  const start = clock.now();
  for (let warned = false; ; ) {
    try {
      return await work();
    } catch (error) {
      const fault = lockedFault(error);
      if (fault === null || clock.now() - start > OPEN_TIMEOUT) throw error;
      if (!warned) log.warn({ err: fault }, "Another program has locked the database; waiting up to a minute for it");
      warned = true;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, OPEN_RETRY));
    }
  }
}

/** Kysely's migrator wraps what a statement threw. */
function lockedFault(error: unknown): StorageUnavailable | null {
  if (error instanceof StorageUnavailable) return error.locked ? error : null;
  return error instanceof Error && error.cause !== undefined ? lockedFault(error.cause) : null;
}
