import { confirmPath, type RunId } from "@nixfleet/protocol";
import type { Hono } from "hono";
import { problemResponse } from "../problem.ts";
import type { Runs } from "../runs/index.ts";
import { readBody } from "./request-body.ts";

/** Maximum body in bytes. The body is ignored: path and header hold everything. */
const MAX_BODY = 1024;
/** Concurrent requests over all hosts; each waits at most for a ping. */
const MAX_PENDING = 2000;
/** Seconds until a rejected request may be sent again. */
const RETRY_AFTER = 1;

/**
 * A runner asks here, over its own connection, whether its host is still reachable after an activation (L22). Only the run's secret
 * counts, no session and no Origin. It cannot be guessed, so wrong ones are not counted; a limit would let an attacker behind the
 * same address keep a host from being confirmed.
 */
export function serveConfirm(app: Hono, runs: Pick<Runs, "confirm">): void {
  let pending = 0;

  async function answer(runId: string, request: Request): Promise<Response> {
    const secret = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
    if (secret === undefined) return problemResponse("confirm-secret-wrong");
    const body = await readBody(request, MAX_BODY);
    if (body.kind === "too-large") return problemResponse("too-large", { detail: `At most ${MAX_BODY} bytes are accepted.` });
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
    if (pending >= MAX_PENDING) {
      return problemResponse("unavailable", { detail: "Too many confirmation requests at once.", retryAfter: RETRY_AFTER });
    }
    pending += 1;
    try {
      return await answer(context.req.param("run") ?? "", context.req.raw);
    } finally {
      pending -= 1;
    }
  });
}
