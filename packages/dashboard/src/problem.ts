import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { PROBLEMS, type Problem, type ProblemCode } from "@nixfleet/protocol";

/** Optional details of a problem document. */
export interface ProblemDetails {
  readonly detail?: string;
  readonly id?: string;
  readonly faults?: readonly { path: string; message: string }[];
  readonly refusal?: string;
  /** A more specific next step than the table's. */
  readonly next?: string;
  /** Seconds, for the header `Retry-After`. */
  readonly retryAfter?: number;
}

/** The problem document (RFC 9457) of a code. */
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

/** The same as an HTTP response. */
export function problemResponse(code: ProblemCode, details: ProblemDetails = {}): Response {
  const body = JSON.stringify(problemDocument(code, details));
  return new Response(body, { status: PROBLEMS[code].status, headers: problemHeaders(code, details) });
}

/** How long a client may take to read a refusal, in milliseconds; then the connection is gone, with all that it held (R65). */
const REFUSAL_TIMEOUT = 5000;

/** Sends it instead of upgrading to a WebSocket, then ends the connection, whatever the client does. */
export function refuseUpgrade(socket: Duplex, code: ProblemCode, details: ProblemDetails = {}): void {
  if (socket.destroyed) return;
  const { status } = PROBLEMS[code];
  const body = JSON.stringify(problemDocument(code, details));
  const headers = {
    ...problemHeaders(code, details),
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
  };
  // The response is sent: ignore later errors of the client.
  socket.on("error", () => socket.destroy());
  // What the client still sends is discarded, so that it can read the refusal and close first.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT);
  socket.once("close", () => clearTimeout(timer));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "",
      body,
    ].join("\r\n"),
  );
}

/** Problems of requests with bearer authentication, whose responses must name the scheme (RFC 9110, 11.6.1). */
const BEARER_PROBLEMS: ReadonlySet<ProblemCode> = new Set(["token-missing", "token-wrong", "confirm-secret-wrong"]);

function problemHeaders(code: ProblemCode, { retryAfter }: ProblemDetails): Record<string, string> {
  return {
    "Content-Type": "application/problem+json; charset=utf-8",
    "Cache-Control": "no-store",
    ...(BEARER_PROBLEMS.has(code) ? { "WWW-Authenticate": 'Bearer realm="nixfleet"' } : {}),
    ...(retryAfter === undefined ? {} : { "Retry-After": String(Math.max(1, Math.ceil(retryAfter))) }),
  };
}
