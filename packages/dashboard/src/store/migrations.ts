import { messageOf } from "@nixfleet/runtime";
import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { type ColumnTypes, createSpine } from "./migration-0001-spine.ts";
import { addConfirmation } from "./migration-0002-confirmation.ts";
import { makeRoomForHistory } from "./migration-0003-history.ts";
import { addInquiries } from "./migration-0004-inquiries.ts";

/** Every schema change, in order; forward only. A name sorts after the one before it. */
export function migrations(types: ColumnTypes): Record<string, Migration> {
  return {
    "0001-spine": { up: (db) => createSpine(db, types) },
    "0002-confirmation": { up: addConfirmation },
    "0003-history": { up: makeRoomForHistory },
    "0004-inquiries": { up: addInquiries },
  };
}

/** The schema of the database is not known to this program: a newer version wrote it. */
export class NewerSchemaError extends Error {
  override name = "NewerSchemaError";
  constructor(unknown: readonly string[]) {
    super(
      `The database was written by a newer version of NixFleet (it has ${unknown.join(", ")}). ` +
        "Start that version or a later one, or restore the backup that was made beside the database before it was migrated.",
    );
  }
}

async function applied(db: Kysely<unknown>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === "kysely_migration")) return [];
  const rows = await (db as Kysely<{ kysely_migration: { name: string } }>)
    .selectFrom("kysely_migration")
    .select("name")
    .orderBy("name")
    .execute();
  return rows.map((row) => row.name);
}

/**
 * Brings the schema to what `known` says (R42): all of it or nothing, whatever ends the process meanwhile. Called within
 * `withoutForeignKeys`: a table that is made again would take with it all rows that refer to it. `backUp` is called before anything is
 * changed, unless the database is new. Throws NewerSchemaError, having changed nothing, where the database is ahead of the program.
 */
export async function migrate(
  db: Kysely<unknown>,
  known: Record<string, Migration>,
  backUp: (before: string) => Promise<void>,
): Promise<{ applied: string[] }> {
  const done = await applied(db);
  const newer = done.filter((name) => !Object.hasOwn(known, name));
  if (newer.length > 0) throw new NewerSchemaError(newer);
  const missing = Object.keys(known)
    .sort()
    .filter((name) => !done.includes(name));
  const next = missing[0];
  if (next === undefined) return { applied: [] };
  if (done.length > 0) await backUp(next);
  await db.transaction().execute(async (trx) => {
    const { error } = await new Migrator({ db: trx, provider: { getMigrations: async () => known } }).migrateToLatest();
    if (error !== undefined) throw new Error(`The database could not be migrated: ${messageOf(error)}`, { cause: error });
    await checkForeignKeys(trx);
  });
  return { applied: missing };
}

/** Throws if a row names one that is not there. Reads the whole database. */
async function checkForeignKeys(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql`pragma foreign_key_check`.execute(db);
  if (rows.length > 0) throw new Error(`The database has a broken reference: ${JSON.stringify(rows[0])}`);
}
