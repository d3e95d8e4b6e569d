export { AUDIT_GENESIS, type AuditFact, auditHash } from "./audit-chain.ts";
export type { Change } from "./change.ts";
export { NewerSchemaError } from "./migrations.ts";
export { openStore, type Reader, type Store, type StoreDeps } from "./open.ts";
export type * from "./schema.ts";
export type { AroundStatement } from "./sqlite.ts";
export { StorageUnavailable } from "./storage-fault.ts";
export type * from "./stored-values.ts";
