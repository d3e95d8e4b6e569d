import { PROBLEMS, type Problem, type ProblemCode } from "@nixfleet/protocol";

/** What a problem document may say beside its code. */
export interface ProblemDetails {
  readonly detail?: string;
  readonly id?: string;
  readonly faults?: readonly { path: string; message: string }[];
  readonly refusal?: string;
  /** The step that helps, where it is known better than the table knows it. */
  readonly next?: string;
  /** Seconds, for the header `Retry-After`. */
  readonly retryAfter?: number;
}

/** A problem document (RFC 9457) with the words of its code. */
export function problemDocument(code: ProblemCode, details: ProblemDetails = {}): Problem {
  const { status, title, next } = PROBLEMS[code];
  return {
    type: `about:blank#${code}`,
    title,
    status,
    code,
    next: details.next ?? next,
    ...(details.detail === undefined ? {} : { detail: details.detail }),
    ...(details.id === undefined ? {} : { id: details.id }),
    ...(details.faults === undefined ? {} : { faults: [...details.faults] }),
    ...(details.refusal === undefined ? {} : { refusal: details.refusal }),
  };
}

/** The same as an HTTP answer. */
export function problemResponse(code: ProblemCode, details: ProblemDetails = {}): Response {
  const headers = new Headers({ "Content-Type": "application/problem+json; charset=utf-8", "Cache-Control": "no-store" });
  if (details.retryAfter !== undefined) headers.set("Retry-After", String(Math.max(1, Math.ceil(details.retryAfter))));
  return new Response(JSON.stringify(problemDocument(code, details)), { status: PROBLEMS[code].status, headers });
}
