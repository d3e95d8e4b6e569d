import { confirmPath, type RunId } from "@nixfleet/protocol";
import type { Hono } from "hono";
import { problemResponse } from "../problem.ts";
import type { Runs } from "../runs/index.ts";
import { readBody } from "./request-body.ts";

/** The question is in its address and its header; what a body says is not read, and no more than this is taken. */
const MAX_BODY = 1024;
/** Questions that are answered at a time, over all hosts; each waits for a ping at the longest. */
const MAX_PENDING = 2000;
/** Seconds after which who was too many may ask again. */
const RETRY_AFTER = 1;

/**
 * Where a runner asks, over a connection of its own, whether what it has activated can be reached (L22). No session, no Origin: the
 * run's secret is all. Nobody can guess that, so wrong ones are not counted; a limit on them would let a stranger behind the same
 * address keep a host from being confirmed.
 */
export function serveConfirm(app: Hono, runs: Pick<Runs, "confirm">): void {
  let pending = 0;

  async function answer(runId: string, request: Request): Promise<Response> {
    const secret = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
    if (secret === undefined) return problemResponse("confirm-secret-wrong");
    const body = await readBody(request, MAX_BODY);
    if (body.kind === "too-large") return problemResponse("too-large", { detail: `At most ${MAX_BODY} bytes are taken.` });
    const confirmation = await runs.confirm(runId, secret);
    switch (confirmation.kind) {
      case "confirmed":
        return Response.json({ confirmed: true }, { headers: { "Cache-Control": "no-store" } });
      case "secret-wrong":
        return problemResponse("confirm-secret-wrong");
      case "not-confirmed":
        return problemResponse("not-confirmed", { detail: confirmation.reason });
      case "too-many":
        return problemResponse("too-many-attempts", { retryAfter: RETRY_AFTER });
    }
  }

  app.post(confirmPath(":run" as RunId), async (context) => {
    if (pending >= MAX_PENDING) {
      return problemResponse("unavailable", { detail: "Too many hosts ask at once.", retryAfter: RETRY_AFTER });
    }
    pending += 1;
    try {
      return await answer(context.req.param("run") ?? "", context.req.raw);
    } finally {
      pending -= 1;
    }
  });
}
