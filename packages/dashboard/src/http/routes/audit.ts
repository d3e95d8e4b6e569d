import type { Audit } from "../../audit/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

/** The audit trail. */
export function serveAudit(serve: Serve, { audit }: { audit: Audit }): void {
  serve("audit", async ({ query }) => {
    const { cursor, limit, who, action, host } = query;
    if (cursor !== undefined && !/^[1-9]\d{0,14}$/.test(cursor)) {
      return refuse("invalid-request", { faults: [{ path: "query.cursor", message: "is not a cursor of this list" }] });
    }
    const { items, next } = await audit.list({ who, action, host }, limit, cursor === undefined ? null : Number(cursor));
    return ok({ items, next: next === null ? null : String(next) });
  });
}
