import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "@nixfleet/runtime";
import { Kysely, type Transaction } from "kysely";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { migrate, migrations } from "./migrations.ts";
import type { Database } from "./schema.ts";
import { openSqlite, storageFault } from "./sqlite.ts";

/** How often a storage that failed is tried again, in milliseconds. */
const PROBE_INTERVAL = 2000;

export type StorageState = { ok: true } | { ok: false; reason: string; since: number };

/** Nothing can be stored now. What was to be stored is not; the caller may try again later. */
export class StorageUnavailable extends Error {
  override name = "StorageUnavailable";
}

export interface Store extends AsyncDisposable {
  /** For reading. Inside of `write` only its transaction may be used: there, this throws instead of waiting for ever. */
  readonly db: Kysely<Database>;
  /**
   * Does `work` in one transaction; all of it is stored durably when this resolves, or nothing is. Write transactions follow one
   * another, so what `work` reads cannot change before it has written. `work` waits for nothing but the database. What is to be
   * said or sent about the change is said by the caller afterwards. Throws StorageUnavailable if the disk or the file is at fault.
   */
  write<T>(work: (trx: Transaction<Database>) => Promise<T>): Promise<T>;
  /** Not ok from a write that did not reach the disk until a trial of its own does. A change is told as `storage.changed`. */
  readonly storage: StorageState;
  /** Write transactions since the start (R43). */
  readonly writes: number;
  /** Rejects unless the database answers, for the health endpoint. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreDeps {
  /** The database file, or ":memory:". A backup is made beside it before a migration. */
  path: string;
  clock: Clock;
  bus: Bus;
  log: Logger;
  /** For tests of a full disk: the file grows no further than this many pages. Called with the setter once it is open. */
  onLimit?: (limitPages: (pages: number) => void) => void;
}

/** Opens the store and brings its schema up to date. Throws NewerSchemaError if a newer program wrote it. */
export async function openStore({ path, clock, bus, log, onLimit }: StoreDeps): Promise<Store> {
  const sqlite = openSqlite(path);
  const db = new Kysely<Database>({ dialect: sqlite.dialect });
  try {
    const { applied } = await migrate(db as Kysely<unknown>, migrations({ bytes: "blob" }), async (before) => {
      const copy = `${path}.before-${before}.${clock.now()}`;
      sqlite.backUp(copy);
      log.info({ copy }, "Backed up the database before its migration");
    });
    if (applied.length > 0) log.info({ applied }, "Migrated the database");
  } catch (error) {
    await db.destroy();
    throw error;
  }
  onLimit?.(sqlite.limitPages);

  const writing = new AsyncLocalStorage<{ open: boolean }>();
  let storage: StorageState = { ok: true };
  let writes = 0;
  let probe: { cancel(): void } | undefined;
  let closed = false;

  const working = () => {
    if (storage.ok) return;
    storage = { ok: true };
    probe?.cancel();
    log.info("The database can be written again");
    bus.emit("storage.changed", {});
  };
  const failing = (reason: string, error: unknown) => {
    if (storage.ok) {
      storage = { ok: false, reason, since: clock.now() };
      log.error({ err: error }, reason);
      bus.emit("storage.changed", {});
    }
    probe?.cancel();
    if (!closed) probe = clock.setTimeout(() => void tryStorage(), PROBE_INTERVAL);
  };

  async function transaction<T>(work: (trx: Transaction<Database>) => Promise<T>): Promise<T> {
    if (writing.getStore()?.open) throw new Error("A write inside of a write would wait for itself: use the transaction");
    const scope = { open: true };
    try {
      return await writing.run(scope, () => db.transaction().execute(work));
    } catch (error) {
      const reason = storageFault(error);
      if (reason === null) throw error;
      failing(reason, error);
      throw new StorageUnavailable(reason, { cause: error });
    } finally {
      scope.open = false;
      writes += 1;
    }
  }

  /** Takes space and gives it back: a row that fits into a page that is there already would prove nothing. */
  async function tryStorage(): Promise<void> {
    if (closed) return;
    try {
      await transaction((trx) =>
        trx
          .insertInto("meta")
          .values({ key: "storage-probe", value: "0".repeat(65_536) })
          .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: "0".repeat(65_536) }))
          .execute(),
      );
      await transaction((trx) => trx.deleteFrom("meta").where("key", "=", "storage-probe").execute());
      working();
    } catch (error) {
      // StorageUnavailable: still failing, and the next probe is set. Anything else would be a bug of this program.
      if (!(error instanceof StorageUnavailable)) log.error({ err: error }, "The storage could not be tried");
    }
  }

  const store: Store = {
    get db() {
      if (writing.getStore()?.open) throw new Error("Inside of a write only its transaction may be used");
      return db;
    },
    write: transaction,
    get storage() {
      return storage;
    },
    get writes() {
      return writes;
    },
    async check() {
      await db.selectFrom("meta").select("key").limit(1).execute();
    },
    async close() {
      closed = true;
      probe?.cancel();
      await db.destroy();
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}
