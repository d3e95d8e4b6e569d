import type { FactName, Facts, FactsReading, HostId, LockInput } from "@nixfleet/protocol";
import { redactInputSource } from "@nixfleet/runtime";
import type { Change } from "../store/index.ts";

/** A fact with the time at which its host read it, by the host's clock. */
export interface KnownFact<N extends FactName = FactName> {
  value: NonNullable<Facts[N]>;
  readAt: number;
}
export type KnownFacts = { [N in FactName]?: KnownFact<N> };

interface Row {
  name: string;
  value: string;
  read_at: number;
}

/** Parses rows of `host_facts`, whose values were validated when received. */
export function knownFacts(rows: readonly Row[]): KnownFacts {
  const facts = rows.map((row) => [row.name, { value: JSON.parse(row.value), readAt: row.read_at }]);
  return withoutSecrets(Object.fromEntries(facts) as KnownFacts);
}

/** Older agents told where the inputs of `flake.lock` come from as it stands there, tokens in URLs and all. */
function withoutSecrets(facts: KnownFacts): KnownFacts {
  const { lock } = facts;
  if (lock?.value === undefined || !("inputs" in lock.value)) return facts;
  return { ...facts, lock: { ...lock, value: { ...lock.value, inputs: redactInputs(lock.value.inputs) } } };
}

/** Inputs of a `flake.lock` as they may be shown. */
export function redactInputs(inputs: Readonly<Record<string, LockInput>>): Record<string, LockInput> {
  const entries = Object.entries(inputs).map(
    ([name, input]) => [name, input.from === undefined ? input : { ...input, from: redactInputSource(input.from) }] as const,
  );
  return Object.fromEntries(entries);
}

const rowsOf = (hostId: HostId, reading: FactsReading) =>
  Object.entries(factsOfReading(reading))
    .filter(([, { value }]) => value !== undefined)
    .map(([name, { value, readAt }]) => ({ host_id: hostId, name, value: JSON.stringify(value), read_at: readAt }));

/** Facts of this many rows go into one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const ROWS_AT_ONCE = 500;

/** The facts of one reading. */
export function factsOfReading(reading: FactsReading): KnownFacts {
  const { readAt } = reading;
  const facts = Object.entries(reading.facts).map(([name, value]) => [name, { value, readAt }]);
  return withoutSecrets(Object.fromEntries(facts) as KnownFacts);
}

/**
 * Maximum age of a reading when it is sent, in milliseconds. If a new reading looks older than this compared with stored facts, the
 * host's clock was set back; otherwise new facts would be ignored until the clock has caught up.
 */
const MAX_READING_AGE = 120_000;

/**
 * Stores some facts: each replaces the stored one unless that was read later; other facts stay as they are (R20).
 * `arrival`: a reading that the host has just taken and sent, or one from the spool of a run, which may be as old as the run.
 * Publishes `host.changed` if a value changed.
 */
export async function storeFacts(
  change: Change,
  hostId: HostId,
  reading: FactsReading,
  arrival: "now" | "with-run",
): Promise<void> {
  const stored = knownFacts(await change.db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
  const newer = rowsOf(hostId, reading).filter((row) => {
    const late = (stored[row.name as FactName]?.readAt ?? -1) - row.read_at;
    return late <= 0 || (arrival === "now" && late > MAX_READING_AGE);
  });
  await upsert(change, newer);
  const differs = newer.some((row) => JSON.stringify(stored[row.name as FactName]?.value) !== row.value);
  if (differs) change.emit("host.changed", { hostId });
}

/** Stores the facts of a hello, which are complete: facts that it lacks are deleted (R24). */
export async function replaceFacts(change: Change, hostId: HostId, reading: FactsReading): Promise<void> {
  const rows = rowsOf(hostId, reading);
  let obsolete = change.db.deleteFrom("host_facts").where("host_id", "=", hostId);
  if (rows.length > 0)
    obsolete = obsolete.where(
      "name",
      "not in",
      rows.map((row) => row.name),
    );
  await obsolete.execute();
  await upsert(change, rows);
}

async function upsert({ db }: Change, rows: ReturnType<typeof rowsOf>): Promise<void> {
  for (let first = 0; first < rows.length; first += ROWS_AT_ONCE) {
    await db
      .insertInto("host_facts")
      .values(rows.slice(first, first + ROWS_AT_ONCE))
      .onConflict((conflict) =>
        conflict
          .columns(["host_id", "name"])
          .doUpdateSet((eb) => ({ value: eb.ref("excluded.value"), read_at: eb.ref("excluded.read_at") })),
      )
      .execute();
  }
}
