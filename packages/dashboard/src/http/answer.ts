import type { ProblemCode, ROUTES, RouteName, RouteOutput } from "@nixfleet/protocol";
import type * as z from "zod";
import type { Principal, RequestOrigin, SessionPrincipal } from "../people/index.ts";
import type { ProblemDetails } from "../problem.ts";

type Declared<N extends RouteName> = (typeof ROUTES)[N];
type Parsed<N extends RouteName, K extends string> =
  Declared<N> extends Record<K, infer S extends z.ZodType> ? z.output<S> : undefined;

type PrincipalOf<R> = R extends { role: null } ? null : R extends { principal: "session" } ? SessionPrincipal : Principal;

/** A request that fits its route, by somebody who may make it. */
export interface Call<N extends RouteName> {
  readonly params: Parsed<N, "params">;
  readonly query: Parsed<N, "query">;
  readonly body: Parsed<N, "body">;
  /** Who makes it; null only where the route is open to everybody. */
  readonly principal: PrincipalOf<Declared<N>>;
  readonly origin: RequestOrigin;
  /** Names this request across repetitions, if it carries an Idempotency-Key; unique among all principals. */
  readonly requestKey: string | null;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** What a handler gives: the body that the route declares, or one of the problems that it declares. */
export type Answer<N extends RouteName> =
  | { readonly kind: "body"; readonly body: RouteOutput<N>; readonly headers?: Readonly<Record<string, string>> }
  /** For what is no JSON: a text, a stream. */
  | { readonly kind: "raw"; readonly response: Response }
  | Refusal<Declared<N>["problems"][number] | "invalid-request">;

export interface Refusal<C extends ProblemCode> {
  readonly kind: "problem";
  readonly code: C;
  readonly details: ProblemDetails;
}

export type Handler<N extends RouteName> = (call: Call<N>) => Promise<Answer<N>>;

/** The route did what was asked. */
export function ok<B>(
  body: B,
  headers?: Readonly<Record<string, string>>,
): { kind: "body"; body: B; headers?: Readonly<Record<string, string>> } {
  return headers === undefined ? { kind: "body", body } : { kind: "body", body, headers };
}

/** The route did not do it, for this reason. */
export function refuse<C extends ProblemCode>(code: C, details: ProblemDetails = {}): Refusal<C> {
  return { kind: "problem", code, details };
}
