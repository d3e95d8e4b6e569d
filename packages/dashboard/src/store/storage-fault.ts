/** Nothing can be stored or read now, and nothing was stored. The caller may try again later. */
export class StorageUnavailable extends Error {
  override name = "StorageUnavailable";
  /** Another program holds the database's lock: it is worth trying again at once. */
  readonly locked: boolean;
  constructor(reason: string, { locked = false, cause }: { locked?: boolean; cause?: unknown } = {}) {
    super(reason, { cause });
    this.locked = locked;
  }
}

const LOCKED = "Another program has locked the database.";

/** Primary result codes (https://www.sqlite.org/rescode.html) that say that the disk or the file, not the statement, is at fault. */
const STORAGE_FAULTS: Readonly<Record<number, string>> = {
  5: LOCKED,
  6: LOCKED,
  8: "The database cannot be written: it is read-only.",
  10: "The disk that holds the database reports errors.",
  11: "The database file is damaged.",
  13: "The disk that holds the database is full.",
  14: "The database file cannot be opened.",
  // Others were quicker for seconds (https://www.sqlite.org/rescode.html#protocol).
  15: LOCKED,
  26: "The database file is not a database.",
};

/** The error of a statement as StorageUnavailable where the storage is at fault; any other error as it is. */
export function asStorageFault(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  // The low byte of an extended result code is the primary one.
  const reason = STORAGE_FAULTS[error.errcode & 0xff];
  return reason === undefined ? error : new StorageUnavailable(reason, { locked: reason === LOCKED, cause: error });
}
