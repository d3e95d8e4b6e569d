import { type DatabaseConnection, type Driver, SqliteDialect, SqliteDriver } from "kysely";

/** One turn of the event loop goes on with statements for this many milliseconds at most. */
const TURN_TIME = 10;

/**
 * SQLite answers at once, so that a chain of queries never lets sockets and timers have their turn, however many `await`s it has.
 * With this dialect, a query or a transaction that would begin late in a turn begins in the next one. Order is kept.
 */
export class FairSqliteDialect extends SqliteDialect {
  readonly #database: ConstructorParameters<typeof SqliteDriver>[0];

  constructor(config: ConstructorParameters<typeof SqliteDriver>[0]) {
    super(config);
    this.#database = config;
  }

  override createDriver(): Driver {
    return new FairDriver(this.#database);
  }
}

class FairDriver extends SqliteDriver {
  /** When the first query of this turn began; null: none has. */
  #turnBegan: number | null = null;

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    const now = performance.now();
    if (this.#turnBegan === null) {
      this.#turnBegan = now;
      setImmediate(() => {
        this.#turnBegan = null;
      });
    } else if (now - this.#turnBegan > TURN_TIME) await new Promise<void>((resolve) => setImmediate(resolve));
    return connection;
  }
}
