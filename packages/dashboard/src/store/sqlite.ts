import { chmodSync, closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Dialect, SqliteDialect } from "kysely";

/** Prepared statements that are kept; more than the program has of different ones that come often. */
const KEPT_STATEMENTS = 300;

/** A SQLite file behind Kysely, by Node's own binding. */
export interface SqliteDatabase {
  dialect: Dialect;
  /** Copies the whole database, as it is now, into a new file. */
  backUp(path: string): void;
  /** For tests that need a real SQLITE_FULL: the file grows no further than this many pages. */
  limitPages(pages: number): void;
}

/**
 * Opens a database file, or ":memory:". WAL, so that readers and a backup never wait for a writer; every commit is flushed to
 * disk, since an event that was acknowledged is forgotten by its agent (R5).
 */
export function openSqlite(path: string): SqliteDatabase {
  if (path !== ":memory:" && !existsSync(path)) {
    // Hashes of passwords and tokens are in it: nobody else on this machine reads it. SQLite gives its side files the same mode.
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");

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

  const dialect = new SqliteDialect({
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
        const { statement, reader } = prepare(sql === "begin" ? "begin immediate" : sql);
        const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
        return {
          reader,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        };
      },
    },
  });

  return {
    dialect,
    backUp: (target) => {
      database.prepare("VACUUM INTO ?").run(target);
      chmodSync(target, 0o600);
    },
    limitPages: (pages) => database.exec(`PRAGMA max_page_count = ${pages}`),
  };
}

/** Primary result codes (https://www.sqlite.org/rescode.html) that say that the disk or the file, not the statement, is at fault. */
const STORAGE_FAULTS: Readonly<Record<number, string>> = {
  8: "The database cannot be written: it is read-only.",
  10: "The disk under the database fails.",
  11: "The database file is damaged.",
  13: "The disk under the database is full.",
  14: "The database file cannot be opened.",
  26: "The database file is no database.",
};

/** What is wrong with the storage, as a sentence; null: the error is of another kind. */
export function storageFault(error: unknown): string | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  // The low byte of an extended result code is the primary one.
  return STORAGE_FAULTS[error.errcode & 0xff] ?? null;
}
