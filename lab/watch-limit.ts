import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { writeAtomic } from "@nixfleet/runtime";
import * as z from "zod";

/** Where the kernel's limit is, and where it is recorded what it was. */
export interface WatchLimitFiles {
  limit: string;
  record: string;
}

const NEEDED = 4096;

const recordSchema = z.object({ before: z.number(), raised: z.number() });

/**
 * Each host's systemd and agent watch files with some nine inotify(7) instances, and all hosts' root is one user to the kernel:
 * its usual limit of 128 ends at fifteen hosts. For who alone may claim and end labs.
 */
export async function raiseWatchLimit({ limit, record }: WatchLimitFiles, say: (sentence: string) => void): Promise<void> {
  const before = Number(readFileSync(limit, "utf8"));
  if (before >= NEEDED) return;
  say(`Raising fs.inotify.max_user_instances from ${before} to ${NEEDED}, until the last lab ends.`);
  await writeAtomic(record, JSON.stringify({ before, raised: NEEDED }));
  await writeFile(limit, String(NEEDED));
}

/** Puts the limit back to what it was, unless somebody else has set it since. For who ends the last lab. */
export async function restoreWatchLimit({ limit, record }: WatchLimitFiles): Promise<void> {
  if (!existsSync(record)) return;
  const { before, raised } = recordSchema.parse(JSON.parse(readFileSync(record, "utf8")));
  if (Number(readFileSync(limit, "utf8")) === raised) await writeFile(limit, String(before));
  await rm(record);
}
