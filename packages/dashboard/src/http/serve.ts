import { API_PATH, IDEMPOTENCY_HEADER, PROBLEMS, ROUTES, type Route, type RouteName, roleAllows } from "@nixfleet/protocol";
import type { Context, Hono } from "hono";
import type * as z from "zod";
import type { Logger } from "../logger.ts";
import { type Principal, principalId, type RequestOrigin } from "../people/index.ts";
import { type ProblemDetails, problemDocument, problemResponse } from "../problem.ts";
import type { Answer, Call, Handler } from "./answer.ts";
import type { Authentication } from "./authentication.ts";
import type { Idempotency, StoredAnswer } from "./idempotency.ts";
import type { Origins } from "./origins.ts";
import { type Fault, faultsOf, parseJson, readBody } from "./request-body.ts";
import { crossSiteFault } from "./same-origin.ts";

/** Bytes of a body: enough for a thousand host names; the page sends nothing larger. */
const MAX_BODY = 256 * 1024;
/** Bytes of a body from somebody who is not signed in: a name, a password, a token. */
const MAX_UNAUTHENTICATED_BODY = 4 * 1024;

export interface ServeDeps {
  readonly app: Hono;
  /** Authenticates requests. */
  readonly authentication: Authentication;
  readonly idempotency: Idempotency;
  readonly origins: Origins;
  readonly log: Logger;
  /** The origin of a request, with proxies taken into account. */
  origin(context: Context): RequestOrigin;
  /** Checks every answer against its schema before it is sent; for tests. */
  readonly checkAnswers?: boolean | undefined;
}

/** Registers the handler of a route. */
export type Serve = <N extends RouteName>(name: N, handler: Handler<N>) => void;

/**
 * Serves a route of `ROUTES`: authenticates and authorizes the request, checks Origin and CSRF token of a session that changes
 * something, validates parameters, query and body, handles the Idempotency-Key of a POST, then calls the handler.
 */
export function createServe(deps: ServeDeps): Serve {
  return (name, handler) => {
    const route: Route = ROUTES[name];
    const path = `${API_PATH}${route.path}`.replace(/\{(\w+)\}/g, ":$1");
    deps.app.on(route.method.toUpperCase(), path, (context) =>
      answerRoute(deps, route, handler as unknown as AnyHandler, context),
    );
  };
}

type AnyHandler = (call: AnyCall) => Promise<Answer<RouteName>>;
type AnyCall = { [K in keyof Call<RouteName>]: unknown };

async function answerRoute(deps: ServeDeps, route: Route, handler: AnyHandler, context: Context): Promise<Response> {
  const request = context.req.raw;
  const origin = deps.origin(context);
  const changes = route.method !== "get";

  const admission = await admit(deps, route, request.headers);
  if (!admission.ok) return problemResponse(admission.code, admission.details);
  const { principal } = admission;

  const maxBody = route.role === null ? MAX_UNAUTHENTICATED_BODY : MAX_BODY;
  const body = changes ? await readBody(request, maxBody) : { kind: "text" as const, text: "" };
  if (body.kind === "too-large") return problemResponse("too-large", { detail: `At most ${maxBody} bytes are accepted.` });
  if (body.kind === "broken") return problemResponse("invalid-request", { detail: "The body could not be read as UTF-8." });

  const parsed = parseParts(route, context, body.text);
  if (!parsed.ok) return problemResponse("invalid-request", { faults: parsed.faults });

  const key = route.method === "post" ? (request.headers.get(IDEMPOTENCY_HEADER) ?? null) : null;
  if (key !== null && !/^[\x21-\x7e]{1,200}$/.test(key)) {
    return problemResponse("invalid-request", {
      faults: [{ path: IDEMPOTENCY_HEADER, message: "1 to 200 visible ASCII characters" }],
    });
  }
  const requestKey = key === null || principal === null ? null : `${principalId(principal)} ${key}`;
  const call: AnyCall = { ...parsed.value, principal, origin, requestKey, signal: request.signal };
  if (key === null || principal === null) return responseOf(await handler(call), route, deps);

  const url = new URL(request.url);
  const once = await deps.idempotency.once(
    { principal, key, text: `${route.method} ${url.pathname}${url.search}\n${body.text}` },
    async () => storedAnswer(await handler(call), route, deps),
  );
  if (once.kind === "mismatch") return problemResponse("idempotency-mismatch");
  const headers = new Headers({ "Cache-Control": "no-store", "Content-Type": contentType(once.answer.status) });
  if (once.answer.retryAfter !== undefined) headers.set("Retry-After", String(once.answer.retryAfter));
  return new Response(once.answer.status === 204 ? null : once.answer.body, { status: once.answer.status, headers });
}

type Admission =
  | { ok: true; principal: Principal | null }
  | { ok: false; code: "not-signed-in" | "role-too-low" | "session-needed" | "cross-site"; details?: ProblemDetails };

/** Whether the principal of a request may use the route. */
async function admit({ authentication, origins }: ServeDeps, route: Route, headers: Headers): Promise<Admission> {
  let principal: Principal | null = null;
  if (route.role !== null) {
    principal = await authentication({ authorization: headers.get("Authorization"), cookie: headers.get("Cookie") });
    if (principal === null) return { ok: false, code: "not-signed-in" };
    if (!roleAllows(principal.role, route.role)) {
      const detail = `This needs the role ${route.role}; yours is ${principal.role}.`;
      return { ok: false, code: "role-too-low", details: { detail } };
    }
    if (route.principal === "session" && principal.kind !== "session") return { ok: false, code: "session-needed" };
  }
  if (route.method !== "get" && principal?.kind !== "token") {
    const detail = crossSiteFault(headers, principal, origins);
    if (detail !== null) return { ok: false, code: "cross-site", details: { detail } };
  }
  return { ok: true, principal };
}

type Parts = { params: unknown; query: unknown; body: unknown };

function parseParts(route: Route, context: Context, text: string): { ok: true; value: Parts } | { ok: false; faults: Fault[] } {
  const faults: Fault[] = [];
  const parse = (schema: z.ZodType | undefined, value: () => unknown, part: "path" | "query" | "body") => {
    if (schema === undefined) return undefined;
    const result = schema.safeParse(value());
    if (result.success) return result.data;
    faults.push(...faultsOf(result.error, part));
    return undefined;
  };
  const params = parse(route.params, () => context.req.param(), "path");
  const query = parse(route.query, () => context.req.query(), "query");
  let body: unknown;
  if (route.body !== undefined) {
    const json = parseJson(text);
    if (json.ok) body = parse(route.body, () => json.value, "body");
    else faults.push(...json.faults);
  }
  return faults.length === 0 ? { ok: true, value: { params, query, body } } : { ok: false, faults };
}

function contentType(status: number): string {
  return status < 400 ? "application/json; charset=utf-8" : "application/problem+json; charset=utf-8";
}

/** The form of an answer that can be stored and sent again. */
function storedAnswer(answer: Answer<RouteName>, route: Route, deps: ServeDeps): StoredAnswer {
  switch (answer.kind) {
    case "problem":
      return {
        status: PROBLEMS[answer.code].status,
        body: JSON.stringify(problemDocument(answer.code, answer.details)),
        retryAfter: answer.details.retryAfter,
      };
    case "body":
      return { status: route.response === null ? 204 : 200, body: bodyText(answer.body, route, deps) };
    case "raw":
      throw new Error(`${route.method} ${route.path} gives a stream, which cannot be kept for an Idempotency-Key`);
  }
}

function responseOf(answer: Answer<RouteName>, route: Route, deps: ServeDeps): Response {
  switch (answer.kind) {
    case "problem":
      return problemResponse(answer.code, answer.details);
    case "raw":
      return answer.response;
    case "body": {
      const headers = new Headers({ "Cache-Control": "no-store", ...answer.headers });
      if (route.response === null) return new Response(null, { status: 204, headers });
      headers.set("Content-Type", contentType(200));
      return new Response(bodyText(answer.body, route, deps), { headers });
    }
  }
}

function bodyText(body: unknown, route: Route, { checkAnswers }: ServeDeps): string {
  if (route.response === null) return "";
  if (checkAnswers) route.response.parse(body);
  return JSON.stringify(body);
}
