import { expect, test } from "vitest";
import { asStorageFault, StorageUnavailable } from "./storage-fault.ts";

/** As node:sqlite throws it. */
const sqliteError = (errcode: unknown) => Object.assign(new Error("statement failed"), { errcode });

test.each([
  [5, true, "Another program has locked the database."],
  [6, true, "Another program has locked the database."],
  [15, true, "Another program has locked the database."],
  [8, false, "The database cannot be written: it is read-only."],
  [10, false, "The disk that holds the database reports errors."],
  [11, false, "The database file is damaged."],
  [13, false, "The disk that holds the database is full."],
  [14, false, "The database file cannot be opened."],
  [26, false, "The database file is not a database."],
])(
  "R41: SQLite's result code %i, extended or not, is a fault of the storage; a lock, worth trying again: %s",
  (code, locked, reason) => {
    for (const errcode of [code, code | (7 << 8)]) {
      const error = sqliteError(errcode);
      const fault = asStorageFault(error);
      expect(fault).toBeInstanceOf(StorageUnavailable);
      expect(fault).toMatchObject({ name: "StorageUnavailable", message: reason, locked, cause: error });
    }
  },
);

test.each([sqliteError(1), sqliteError(19), sqliteError(19 | (5 << 8)), sqliteError("5"), new Error("no"), { errcode: 5 }, 5])(
  "any other error stays as it is: %j",
  (error) => {
    expect(asStorageFault(error)).toBe(error);
  },
);

test("a fault is a lock only where it says so", () => {
  expect(new StorageUnavailable("no").locked).toBe(false);
});
