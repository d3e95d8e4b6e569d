import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import * as z from "zod";
import { redactUrls } from "./redact.ts";

/** An input of a `flake.lock`, as far as status needs it. Times are milliseconds since 1970. */
export interface FlakeLockInput {
  revision?: string;
  lastModified?: number;
  from?: string;
}

export type FlakeLockRead =
  /** `hash`: SHA-256 of the file's bytes, in hex. `inputs`: those of the root, by the names that the flake gives them. */
  { ok: true; hash: string; inputs: Record<string, FlakeLockInput> } | { ok: false; fault: string };

/** A `flake.lock` is some tens of kilobytes; a larger one than this many bytes is not read. */
export const LARGEST_FLAKE_LOCK = 8 * 1024 * 1024;
export const FLAKE_LOCK_TOO_LARGE: FlakeLockRead = { ok: false, fault: "flake.lock is larger than 8 MiB" };

/** Inputs that are kept; a flake has a handful. */
const MOST_INPUTS = 200;

/** Format 7 of lock files, as https://nix.dev/manual/nix/latest/command-ref/new-cli/nix3-flake#lock-files describes it. */
const lockFile = z.object({
  root: z.string().default("root"),
  nodes: z.record(
    z.string(),
    z.object({
      // The name of a node, or a path of input names from the root, for an input that follows another one.
      inputs: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
      locked: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});
type Nodes = z.infer<typeof lockFile>["nodes"];

/** Reads a `flake.lock`. Never throws: whatever it holds, it was written by others. */
export function readFlakeLock(bytes: Uint8Array): FlakeLockRead {
  // Nix refuses such a file as well. Read with replacements, it would equal another one in all but its hash.
  if (!isUtf8(bytes)) return { ok: false, fault: "flake.lock is not UTF-8" };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    // The message itself may quote the file, tokens and all.
    const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0];
    return { ok: false, fault: `flake.lock is not JSON${place === undefined ? "" : ` ${place}`}` };
  }
  const parsed = lockFile.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return {
      ok: false,
      fault: `flake.lock does not have its format: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.slice(0, 300),
    };
  }
  const { nodes, root } = parsed.data;
  const resolve = createResolver(nodes, root);
  const inputs = Object.entries(own(nodes, root)?.inputs ?? {})
    .filter(([name]) => name.length <= 100)
    .slice(0, MOST_INPUTS)
    .map(([name, reference]) => [name, describe(own(nodes, resolve(reference) ?? "")?.locked ?? {})] as const);
  return { ok: true, hash: createHash("sha256").update(bytes).digest("hex"), inputs: Object.fromEntries(inputs) };
}

/**
 * Follows inputs to their nodes. A path leads from the root from input to input, and each of them may be a path again: each input is
 * followed once, however many paths lead by it, and one that leads back to itself leads nowhere. 32 steps are more than any real one has.
 */
function createResolver(nodes: Nodes, root: string): (reference: string | string[]) => string | null {
  const known = new Map<string, Map<string, string | null>>();
  const follow = (reference: string | string[], depth: number): string | null => {
    if (typeof reference === "string") return reference;
    if (depth > 32) return null;
    let node = root;
    for (const name of reference) {
      const resolved = input(node, name, depth);
      if (resolved === null) return null;
      node = resolved;
    }
    return node;
  };
  const input = (node: string, name: string, depth: number): string | null => {
    const inputs = known.get(node) ?? new Map<string, string | null>();
    known.set(node, inputs);
    const before = inputs.get(name);
    if (before !== undefined) return before;
    inputs.set(name, null);
    const next = own(own(nodes, node)?.inputs ?? {}, name);
    const resolved = next === undefined ? null : follow(next, depth + 1);
    inputs.set(name, resolved);
    return resolved;
  };
  return (reference) => follow(reference, 0);
}

function describe(locked: Record<string, unknown>): FlakeLockInput {
  const whole = (name: string): string | undefined => {
    const value = own(locked, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const text = (name: string, max: number) => whole(name)?.slice(0, max);
  const seconds = own(locked, "lastModified");
  // What has no revision (a path, a tarball) is told apart by its content.
  const revision = text("rev", 80) ?? text("narHash", 80);
  const [type, owner, repo] = [text("type", 20), text("owner", 100), text("repo", 100)];
  const place = owner !== undefined && repo !== undefined ? `${owner}/${repo}` : (whole("url") ?? whole("path"));
  const from = type === undefined || place === undefined ? undefined : redactInputSource(`${type}:${place}`);
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(Number.isSafeInteger(seconds) && (seconds as number) >= 0 && (seconds as number) <= 8.64e12
      ? { lastModified: (seconds as number) * 1000 }
      : {}),
    ...(from === undefined ? {} : { from: from.slice(0, 300) }),
  };
}

/**
 * Where an input comes from, as it may be shown: without what stands before the `@` of a URL, and without its query, which holds the tokens of
 * archives. To be called on the whole text: of one that was cut short, the end of a token may be what is left.
 */
export function redactInputSource(from: string): string {
  return redactUrls(from).replace(/[?#].*$/s, "");
}

function own<T>(record: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
