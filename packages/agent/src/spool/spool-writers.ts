import { randomBytes } from "node:crypto";
import type { SpoolWriter } from "@nixfleet/protocol";
import type { RunLayout } from "./layout.ts";
import { RequestRecord, SpoolWriters } from "./shapes.ts";
import { readUntrustedJson } from "./untrusted-json.ts";

/** A new identity of who writes a spool. */
export const newWriterId = (): string => randomBytes(16).toString("hex");

/**
 * Who wrote the events of a run, oldest first; empty: it is not begun, its record cannot be read, or an older agent began it.
 * A host that was put back to a snapshot numbers other events with numbers that were used before: by this they are told apart.
 */
export async function readSpoolWriters(run: Pick<RunLayout, "request" | "writers">): Promise<SpoolWriter[]> {
  const writers = await readUntrustedJson(run.writers, SpoolWriters);
  if (writers.kind === "ok") return writers.value;
  const request = await readUntrustedJson(run.request, RequestRecord);
  return request.kind === "ok" && request.value.writer !== undefined ? [{ id: request.value.writer, afterSeq: 0 }] : [];
}
