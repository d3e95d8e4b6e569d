import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { readUntrusted, type UntrustedRead } from "@nixfleet/runtime";
import * as z from "zod";
import { MAX_FILE_BYTES } from "./shapes.ts";

export type JsonRead<T> = { kind: "ok"; value: T } | { kind: "missing" } | { kind: "refused"; reason: string };

/**
 * Reads a JSON file that the other side wrote: a regular file of bounded size, of the user whose directory it is in, whose
 * content fits the schema.
 */
export async function readUntrustedJson<T>(path: string, schema: z.ZodType<T>): Promise<JsonRead<T>> {
  let owner: number;
  try {
    owner = (await stat(dirname(path))).uid;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
    if (code === "EACCES" || code === "ELOOP") return { kind: "refused", reason: `${path}: ${code}` };
    throw error;
  }
  return parseUntrustedJson(await readUntrusted(path, MAX_FILE_BYTES, { owner }), path, schema);
}

/** Judges what was read. What is refused is not quoted: it can be the content of a file that was not the other side's to show. */
export function parseUntrustedJson<T>(read: UntrustedRead, path: string, schema: z.ZodType<T>): JsonRead<T> {
  if (read.kind === "missing") return { kind: "missing" };
  if (read.kind === "refused") return { kind: "refused", reason: read.detail };
  let json: unknown;
  try {
    json = JSON.parse(read.bytes.toString("utf8"));
  } catch {
    return { kind: "refused", reason: `${path} is not JSON` }; // The parser's own words quote the text.
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { kind: "ok", value: parsed.data };
  return { kind: "refused", reason: `${path} does not fit: ${z.prettifyError(parsed.error).slice(0, 1000)}` };
}
