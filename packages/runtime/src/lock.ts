import { createHash, randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { readUntrusted, syncDirectory } from "./atomic-file.ts";
import { identifyProcess, isAlive, type ProcessIdentity, processIdentitySchema } from "./process-identity.ts";

const contentSchema = z.object({ owner: processIdentitySchema, nonce: z.string().max(64) });

export interface Lock extends AsyncDisposable {
  /** Returns the lock back. Once is enough; again does nothing. */
  release(): Promise<void>;
}

export type LockResult = { ok: true; lock: Lock } | { ok: false; owner: ProcessIdentity };

const MAX_BYTES = 4096;

/** A process that dies while it clears a dead owner's lock leaves one guard; this many deaths in a row are believable. */
const maxGuards = 4;

/**
 * Takes the lock file at `path`, or says which living process has it. Taking is atomic: the file appears by link(2) with its
 * owner already in it. An owner that died, also by SIGKILL or power loss, does not keep it: pid, start time and boot id tell.
 */
export async function takeLock(path: string): Promise<LockResult> {
  return take(path, 0);
}

/** The living process that has the lock at `path`, or nothing. Takes nothing and changes nothing. */
export async function lockOwner(path: string): Promise<ProcessIdentity | undefined> {
  const owner = (await readHolder(path))?.owner;
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

async function take(path: string, depth: number): Promise<LockResult> {
  const owner = identifyProcess();
  if (owner === undefined) throw new Error("this process cannot find itself in the process table");
  const nonce = randomBytes(16).toString("hex");
  const temporary = `${path}.${nonce}.tmp`;
  const file = await open(temporary, "wx", 0o644);
  try {
    try {
      await file.writeFile(JSON.stringify({ owner, nonce }));
      await file.sync();
    } finally {
      await file.close();
    }
    for (;;) {
      if (await linkUnlessThere(temporary, path)) {
        await rm(temporary);
        await syncDirectory(dirname(path));
        return { ok: true, lock: createLock(path, nonce) };
      }
      const holder = await readHolder(path);
      if (holder === undefined) continue; // Released just now: try again.
      if (holder.owner !== undefined && isAlive(holder.owner)) return { ok: false, owner: holder.owner };
      const busy = await clearDead(path, holder.nonce, depth);
      if (busy !== undefined) return { ok: false, owner: busy };
    }
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Removes a dead owner's file. Two processes that find it at once must not both act, or the slower one would remove the file
 * that the faster one has put in its place. So a second lock guards the removal, and under it the file is looked at again.
 */
async function clearDead(path: string, nonce: string, depth: number): Promise<ProcessIdentity | undefined> {
  if (depth >= maxGuards)
    throw new Error(`${path} belongs to a dead process and cannot be cleared: remove ${path} and ${path}.steal*`);
  const guard = await take(`${path}.steal`, depth + 1);
  if (!guard.ok) return guard.owner;
  await using _held = guard.lock;
  const holder = await readHolder(path);
  if (holder?.nonce === nonce) await rm(path);
  return undefined;
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Whose file it is. A file that does not say so (torn by a power loss, or not ours) has no owner, and its content as nonce. It
 * may be that of another user, who could have put anything in its place; while it is taken it has two names.
 */
async function readHolder(path: string): Promise<{ owner: ProcessIdentity | undefined; nonce: string } | undefined> {
  const read = await readUntrusted(path, MAX_BYTES, { names: Number.POSITIVE_INFINITY });
  if (read.kind === "missing") return undefined;
  if (read.kind === "refused") {
    if (read.reason === "unreadable") throw new Error(read.detail);
    return { owner: undefined, nonce: read.reason };
  }
  const text = read.bytes.toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined; // Judged by the schema below, as any other content that names no owner.
  }
  const parsed = contentSchema.safeParse(json);
  return parsed.success ? parsed.data : { owner: undefined, nonce: createHash("sha256").update(text).digest("hex") };
}

function createLock(path: string, nonce: string): Lock {
  let held = true;
  const release = async () => {
    if (!held) return;
    held = false;
    const holder = await readHolder(path);
    if (holder?.nonce === nonce) await rm(path, { force: true });
  };
  return { release, [Symbol.asyncDispose]: release };
}
