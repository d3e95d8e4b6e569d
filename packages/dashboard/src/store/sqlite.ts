import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Dialect, SqliteAdapter } from "kysely";
import { encodeValue } from "./columns.ts";
import { FairSqliteDialect } from "./fair-driver.ts";
import { asStorageFault } from "./storage-fault.ts";

/** Prepared statements that are kept; more than the program has of different ones that come often. */
const KEPT_STATEMENTS = 300;

/** For tests: called with each statement instead of doing it; has to do it. */
export type AroundStatement = <T>(sql: string, run: () => T) => T;

/** A SQLite file behind Kysely, by Node's own binding. */
export interface SqliteDatabase {
  dialect: Dialect;
  /** Copies the whole database, as it is now, into a new file: all of it, or there is no such file. */
  backUp(path: string): void;
  /** Does work that makes tables again, which foreign keys would answer with deletions. */
  withoutForeignKeys<T>(work: () => Promise<T>): Promise<T>;
  /** For tests that need a real SQLITE_FULL: the file grows no further than this many pages. */
  limitPages(pages: number): void;
}

/**
 * Opens a database file, or ":memory:". WAL, so that readers and a backup never wait for a writer; every commit is flushed to
 * disk, since an event that was acknowledged is forgotten by its agent (R5).
 */
export function openSqlite(path: string, { around }: { around?: AroundStatement | undefined } = {}): SqliteDatabase {
  if (path !== ":memory:" && !existsSync(path)) {
    // Hashes of passwords and tokens are in it: nobody else on this machine reads it. SQLite gives its side files the same mode.
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  // No waiting for another program's lock in here, since it would be the whole process that waits: the store tries again by itself.
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
  } catch (error) {
    database.close();
    throw asStorageFault(error);
  }

  const kept = new Map<string, { statement: StatementSync; reader: boolean }>();
  const prepare = (sql: string) => {
    let prepared = kept.get(sql);
    if (prepared === undefined) {
      const statement = database.prepare(sql);
      prepared = { statement, reader: statement.columns().length > 0 };
    }
    // The one used last stands last; the first is the one to go.
    kept.delete(sql);
    kept.set(sql, prepared);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT_STATEMENTS && oldest !== undefined) kept.delete(oldest);
    return prepared;
  };

  const dialect = new TransactionalDialect({
    database: {
      close: () => {
        kept.clear();
        database.close();
      },
      prepare: (sql) => {
        if (sql === "rollback" && !database.isTransaction) {
          // A full disk makes SQLite roll back by itself; to do it again would hide the true error behind "no transaction is active".
          return { reader: false, all: () => [], run: () => ({ changes: 0, lastInsertRowid: 0 }), iterate: () => [].values() };
        }
        // "begin immediate" takes the write lock at once instead of failing in the middle if another process has it.
        const { statement, reader } = faultsNamed(() => prepare(sql === "begin" ? "begin immediate" : sql));
        const values = (parameters: readonly unknown[]) => parameters.map(encodeValue) as SQLInputValue[];
        const observed = <T>(run: () => T) => faultsNamed(around === undefined ? run : () => around(sql, run));
        return {
          reader,
          all: (parameters) => observed(() => statement.all(...values(parameters))),
          run: (parameters) => observed(() => statement.run(...values(parameters))),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        };
      },
    },
  });

  return {
    dialect,
    backUp: (target) => {
      // One name for all: what a process that was killed has left of it goes with the next copy.
      const partial = `${path}.partial-backup`;
      const remove = () => {
        for (const suffix of ["", "-journal"]) rmSync(`${partial}${suffix}`, { force: true });
      };
      faultsNamed(() => {
        // Where another program is about to change something, nothing is copied yet.
        database.exec("BEGIN IMMEDIATE; ROLLBACK");
        remove();
        try {
          database.prepare("VACUUM INTO ?").run(partial);
        } catch (error) {
          remove();
          throw error;
        }
      });
      chmodSync(partial, 0o600);
      renameSync(partial, target);
    },
    async withoutForeignKeys(work) {
      database.exec("PRAGMA foreign_keys = OFF");
      try {
        return await work();
      } finally {
        database.exec("PRAGMA foreign_keys = ON");
      }
    },
    limitPages: (pages) => database.exec(`PRAGMA max_page_count = ${pages}`),
  };
}

/** SQLite undoes changes of tables with their transaction (https://www.sqlite.org/lang_transaction.html), which Kysely does not use by itself. */
class TransactionalDialect extends FairSqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): true {
    return true;
  }
}

/** Does something in the database; what the storage is at fault for is thrown as StorageUnavailable. */
function faultsNamed<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStorageFault(error);
  }
}
