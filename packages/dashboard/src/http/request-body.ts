import { isShallowJson, MAX_JSON_DEPTH } from "@nixfleet/protocol";
import type * as z from "zod";

/** What is wrong with a part of a request. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export type BodyRead = { kind: "text"; text: string } | { kind: "too-large" } | { kind: "broken" };

/**
 * Up to this many times the limit of a body that is too large is read and discarded: a client that is still writing when the
 * connection closes may never read the response.
 */
const DISCARD_FACTOR = 16;

/** Reads a body, but never keeps more than `limit` bytes of it, whatever Content-Length says. */
export async function readBody(request: Request, limit: number): Promise<BodyRead> {
  if (request.body === null) return { kind: "text", text: "" };
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body) {
      length += chunk.length;
      if (length > limit * DISCARD_FACTOR) break;
      if (length <= limit) chunks.push(chunk);
    }
    if (length > limit) return { kind: "too-large" };
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)) };
  } catch {
    return { kind: "broken" }; // The client disconnected, or the body is not UTF-8.
  }
}

/** Parses JSON, or returns the fault. */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; faults: Fault[] } {
  if (!isShallowJson(text))
    return { ok: false, faults: [{ path: "body", message: `is nested more than ${MAX_JSON_DEPTH} times` }] };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    // V8's message quotes the text, which may contain a password.
    return { ok: false, faults: [{ path: "body", message: "is not JSON" }] };
  }
}

/** The faults that a schema found, each with its path below `part`. Values are not repeated: they may be secret. */
export function faultsOf(error: z.ZodError, part: "path" | "query" | "body"): Fault[] {
  return error.issues.slice(0, 50).map((issue) => ({
    path: [part, ...issue.path.map(String)].join(".").slice(0, 200),
    message: issue.message.slice(0, 300),
  }));
}
