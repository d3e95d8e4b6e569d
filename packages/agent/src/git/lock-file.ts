import { createHash } from "node:crypto";
import { type Facts, LockInput, shorten } from "@nixfleet/protocol";
import * as z from "zod";

const MAX_INPUTS = 200;

const node = z.object({
  inputs: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
  locked: z.record(z.string(), z.unknown()).optional(),
});
const lockFile = z.object({ version: z.number(), root: z.string(), nodes: z.record(z.string(), node) });

/**
 * Reads a `flake.lock` (Nix manual, `nix flake`, lock files): the SHA-256 of the file and the flake's own inputs. Inputs of
 * inputs are no part of it; one that follows another shows what it follows.
 */
export function readLockFile(bytes: Buffer | undefined, at: number): Facts["lock"] {
  const problem = (message: string): Facts["lock"] => ({ problem: { code: "evaluation-failed", message, at } });
  if (bytes === undefined) return problem("The config repository has no flake.lock.");
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    return problem(shorten(`flake.lock cannot be read: ${(error as Error).message}`, 2000));
  }
  const parsed = lockFile.safeParse(json);
  if (!parsed.success) return problem(shorten(`flake.lock cannot be read: ${z.prettifyError(parsed.error)}`, 2000));
  const { nodes, root } = parsed.data;
  const inputs: Record<string, LockInput> = {};
  for (const [name, target] of Object.entries(nodes[root]?.inputs ?? {}).slice(0, MAX_INPUTS)) {
    const key = typeof target === "string" ? target : follow(nodes, root, target);
    const input = LockInput.safeParse(describe(key === undefined ? undefined : nodes[key]?.locked));
    if (input.success) inputs[name.slice(0, 100)] = input.data;
  }
  return { hash: createHash("sha256").update(bytes).digest("hex"), inputs };
}

/** A path of input names from the root, as `follows` writes it. */
function follow(
  nodes: Readonly<Record<string, z.infer<typeof node>>>,
  root: string,
  path: readonly string[],
): string | undefined {
  let key: string | undefined = root;
  for (const name of path) {
    const next: string | string[] | undefined = key === undefined ? undefined : nodes[key]?.inputs?.[name];
    // What follows something that follows: once is enough for a name on a page.
    key = typeof next === "string" ? next : undefined;
  }
  return key;
}

function describe(locked: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const { rev, narHash, lastModified, type, owner, repo, url, path } = locked ?? {};
  const revision = rev ?? narHash;
  const place = typeof owner === "string" && typeof repo === "string" ? `${owner}/${repo}` : (url ?? path);
  return {
    ...(typeof revision === "string" ? { revision: revision.slice(0, 80) } : {}),
    ...(typeof lastModified === "number" ? { lastModified: Math.round(lastModified * 1000) } : {}),
    ...(typeof type === "string" && typeof place === "string" ? { from: shorten(`${type}:${place}`, 300) } : {}),
  };
}
