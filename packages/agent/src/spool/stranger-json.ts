import { readStranger } from "@nixfleet/runtime";
import * as z from "zod";
import { MAX_FILE_BYTES } from "./shapes.ts";

export type JsonRead<T> = { kind: "ok"; value: T } | { kind: "missing" } | { kind: "refused"; reason: string };

/** Reads a JSON file that the other side wrote: a regular file, of bounded size, whose content fits the schema. */
export async function readStrangerJson<T>(path: string, schema: z.ZodType<T>): Promise<JsonRead<T>> {
  const read = await readStranger(path, MAX_FILE_BYTES);
  if (read.kind === "missing") return { kind: "missing" };
  if (read.kind === "refused") return { kind: "refused", reason: read.detail };
  let json: unknown;
  try {
    json = JSON.parse(read.bytes.toString("utf8"));
  } catch (error) {
    return { kind: "refused", reason: `${path} is not JSON: ${(error as Error).message}` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { kind: "ok", value: parsed.data };
  return { kind: "refused", reason: `${path} does not fit: ${z.prettifyError(parsed.error)}` };
}
