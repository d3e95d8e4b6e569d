export { NewerSchemaError } from "./migrations.ts";
export { openStore, StorageUnavailable, type Store, type StoreDeps } from "./open.ts";
export type * from "./schema.ts";
export { createSharedWrites, type SharedWrites } from "./shared-writes.ts";
