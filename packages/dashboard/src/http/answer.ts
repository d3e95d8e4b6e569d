import type { ProblemCode, ROUTES, RouteName, RouteOutput } from "@nixfleet/protocol";
import type * as z from "zod";
import type { Principal, RequestOrigin, SessionPrincipal } from "../people/index.ts";
import type { ProblemDetails } from "../problem.ts";

type Declared<N extends RouteName> = (typeof ROUTES)[N];
type Parsed<N extends RouteName, K extends string> =
  Declared<N> extends Record<K, infer S extends z.ZodType> ? z.output<S> : undefined;

type PrincipalOf<R> = R extends { role: null } ? null : R extends { principal: "session" } ? SessionPrincipal : Principal;

/** A valid and authorized request. */
export interface Call<N extends RouteName> {
  readonly params: Parsed<N, "params">;
  readonly query: Parsed<N, "query">;
  readonly body: Parsed<N, "body">;
  /** Null only if the route needs no sign-in. */
  readonly principal: PrincipalOf<Declared<N>>;
  readonly origin: RequestOrigin;
  /** Identifies the request across repetitions if it has an Idempotency-Key; unique among all principals. */
  readonly requestKey: string | null;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** The result of a handler: the body or one of the problems that the route declares. */
export type Answer<N extends RouteName> =
  | { readonly kind: "body"; readonly body: RouteOutput<N>; readonly headers?: Readonly<Record<string, string>> }
  /** For responses that are not JSON: a text, a stream. */
  | { readonly kind: "raw"; readonly response: Response }
  | Refusal<Declared<N>["problems"][number] | "invalid-request">;

export interface Refusal<C extends ProblemCode> {
  readonly kind: "problem";
  readonly code: C;
  readonly details: ProblemDetails;
}

export type Handler<N extends RouteName> = (call: Call<N>) => Promise<Answer<N>>;

/** A successful answer. */
export function ok<B>(
  body: B,
  headers?: Readonly<Record<string, string>>,
): { kind: "body"; body: B; headers?: Readonly<Record<string, string>> } {
  return headers === undefined ? { kind: "body", body } : { kind: "body", body, headers };
}

/** A refusal with a problem code. */
export function refuse<C extends ProblemCode>(code: C, details: ProblemDetails = {}): Refusal<C> {
  return { kind: "problem", code, details };
}
