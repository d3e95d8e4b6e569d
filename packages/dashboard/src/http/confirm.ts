import { confirmPath, type RunId } from "@nixfleet/protocol";
import type { Hono } from "hono";
import { problemResponse } from "../problem.ts";
import type { Runs } from "../runs/index.ts";

/** Seconds until a rejected request may be sent again. */
const RETRY_AFTER = 1;

/**
 * A runner asks here, over its own connection, whether its host is still reachable after an activation (L22). Only the run's secret
 * counts, no session and no Origin. It cannot be guessed, so wrong ones are not counted; a limit that all share would let anybody keep
 * hosts from being confirmed (R65). Only a right secret waits for anything, and the body is never read: path and header hold all.
 */
export function serveConfirm(app: Hono, runs: Pick<Runs, "confirm">): void {
  async function answer(runId: string, request: Request): Promise<Response> {
    const secret = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
    if (secret === undefined) return problemResponse("confirm-secret-wrong");
    const confirmation = await runs.confirm(runId, secret);
    switch (confirmation.kind) {
      case "confirmed":
        return Response.json({ confirmed: true }, { headers: { "Cache-Control": "no-store" } });
      case "secret-wrong":
        return problemResponse("confirm-secret-wrong");
      case "not-confirmed":
        return problemResponse("not-confirmed", { detail: confirmation.reason });
      case "not-linked":
        return problemResponse("host-not-linked");
      case "too-many":
        return problemResponse("too-many-attempts", { retryAfter: RETRY_AFTER });
    }
  }

  app.post(confirmPath(":run" as RunId), async (context) => {
    const response = await answer(context.req.param("run") ?? "", context.req.raw);
    // What is left of a body ends with the connection.
    if (hasBody(context.req.raw)) response.headers.set("Connection", "close");
    return response;
  });
}

/** Whether a request has a body, by its own headers (RFC 9112, section 6.3). */
function hasBody({ headers }: Request): boolean {
  return headers.has("Transfer-Encoding") || (headers.get("Content-Length") ?? "0") !== "0";
}
