import type * as z from "zod";

/** What is wrong with a part of a request. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export type BodyRead = { kind: "text"; text: string } | { kind: "too-large" } | { kind: "broken" };

/**
 * Of a body that is too large this much more, in limits, is read and thrown away: a client that still writes when the connection
 * is closed may never read the answer.
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
    return { kind: "broken" }; // The client went away, or it is no UTF-8: either way there is nothing to read.
  }
}

/** JSON text, or the fault that says where it is none. */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; faults: Fault[] } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    // V8's message quotes the text, in which a password may stand.
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
