export { type Audit, type AuditFact, type AuditFilter, type AuditPage, type AuditVerdict, createAudit } from "./audit.ts";
