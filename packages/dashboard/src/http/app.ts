import type { BlockList } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "../logger.ts";
import type { RequestOrigin } from "../people/index.ts";
import { problemResponse } from "../problem.ts";
import type { Runs } from "../runs/index.ts";
import { StorageUnavailable } from "../store/index.ts";
import type { Authentication } from "./authentication.ts";
import { clientAddress } from "./client-address.ts";
import { serveConfirm } from "./confirm.ts";
import type { createHealth } from "./health.ts";
import type { Idempotency } from "./idempotency.ts";
import { openApiDocument } from "./openapi.ts";
import type { Origins } from "./origins.ts";
import { securityHeaders } from "./security-headers.ts";
import { createServe, type Serve } from "./serve.ts";
import type { StaticFiles } from "./static-files.ts";

export interface AppDeps {
  readonly authentication: Authentication;
  readonly idempotency: Idempotency;
  readonly origins: Origins;
  readonly health: ReturnType<typeof createHealth>;
  readonly staticFiles: StaticFiles;
  readonly trustedProxies: BlockList | undefined;
  readonly log: Logger;
  readonly version: string;
  randomBytes(size: number): Buffer;
  readonly checkAnswers?: boolean | undefined;
  /** Confirms activations of hosts. */
  readonly runs: Pick<Runs, "confirm">;
  /** Registers the handlers of all routes. */
  routes(serve: Serve): void;
}

/** The HTTP application: REST interface, OpenAPI document, health, and the page. */
export function createApp(deps: AppDeps): Hono {
  const { authentication, idempotency, origins, health, staticFiles, trustedProxies, log, version, randomBytes } = deps;
  const app = new Hono();
  const headers = Object.entries(securityHeaders(origins));

  app.use(async (context, next) => {
    await next();
    for (const [name, value] of headers) context.res.headers.set(name, value);
  });

  const origin = ({ env, req }: { env: unknown; req: { raw: Request } }): RequestOrigin => ({
    address: clientAddress(
      (env as HttpBindings).incoming.socket.remoteAddress,
      req.raw.headers.get("X-Forwarded-For"),
      trustedProxies,
    ),
    agent: req.raw.headers.get("User-Agent") ?? "",
  });

  deps.routes(createServe({ app, authentication, idempotency, origins, log, origin, checkAnswers: deps.checkAnswers }));

  serveConfirm(app, deps.runs);

  app.get("/health", async () => {
    const report = await health.report();
    return Response.json(report, { status: report.status === "ok" ? 200 : 503, headers: { "Cache-Control": "no-store" } });
  });

  const description = JSON.stringify(openApiDocument({ version, secure: origins.secure }));
  app.get("/api/openapi.json", () => {
    return new Response(description, { headers: { "Content-Type": "application/json; charset=utf-8" } });
  });

  app.get("*", (context) => {
    const { path } = context.req;
    const answer = staticFiles.answer(path, context.req.raw.headers);
    if (answer !== null) return answer;
    if (staticFiles.count > 0 || /^\/(?:api|agent)(?:\/|$)/.test(path)) return problemResponse("not-found");
    return context.text(
      "The dashboard is running, but its page was not built, or NIXFLEET_WEB_DIR names another directory.\n",
      404,
    );
  });
  app.notFound(() => problemResponse("not-found"));

  app.onError((error, context) => {
    // The client disconnected and its request was aborted: nobody reads the response.
    if (context.req.raw.signal.aborted) return problemResponse("unavailable");
    if (error instanceof StorageUnavailable) return problemResponse("unavailable", { detail: error.message });
    const id = randomBytes(6).toString("hex");
    log.error({ err: error, id, method: context.req.method, path: context.req.path }, "A request failed with an internal error");
    return problemResponse("internal", { id });
  });
  return app;
}
