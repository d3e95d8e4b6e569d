import type { ClosureDiff } from "@nixfleet/protocol";
import { parsePackageName, storeName } from "./store-names.ts";

/** A store path of a closure, and the size of its content in bytes. */
export interface ClosureMember {
  path: string;
  size: number;
}

const MAX_ENTRIES = 2000;
const MAX_VERSIONS = 20;

/** Reads what `nix path-info --recursive --size` prints: a path and its size on each line, in every version of Nix. */
export function parsePathInfo(text: string): ClosureMember[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\/\S+)\s+(\d+)\s*$/.exec(line);
    return match === null ? [] : [{ path: match[1] ?? "", size: Number(match[2]) }];
  });
}

/**
 * What changes by package from one closure to another, as `nix store diff-closures` sees it: packages of the same name are
 * compared by their versions. A package that was rebuilt with the same version is no change here.
 */
export function diffClosures(
  from: { path: string; members: readonly ClosureMember[] } | null,
  to: { path: string; members: readonly ClosureMember[] },
): ClosureDiff {
  const before = versionsByName(from?.members ?? []);
  const after = versionsByName(to.members);
  const diff: ClosureDiff = {
    from: from?.path ?? null,
    to: to.path,
    added: [],
    removed: [],
    changed: [],
    sizeBefore: from === null ? null : totalSize(from.members),
    sizeAfter: totalSize(to.members),
  };
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const old = before.get(name);
    const now = after.get(name);
    if (old === undefined) diff.added.push({ name: name.slice(0, 200), versions: listed(now) });
    else if (now === undefined) diff.removed.push({ name: name.slice(0, 200), versions: listed(old) });
    else if (old.symmetricDifference(now).size > 0) {
      diff.changed.push({ name: name.slice(0, 200), from: listed(old), to: listed(now) });
    }
  }
  diff.added.splice(MAX_ENTRIES);
  diff.removed.splice(MAX_ENTRIES);
  diff.changed.splice(MAX_ENTRIES);
  return diff;
}

function versionsByName(members: readonly ClosureMember[]): Map<string, Set<string>> {
  const versions = new Map<string, Set<string>>();
  for (const { path } of members) {
    const { name, version } = parsePackageName(storeName(path));
    const known = versions.get(name);
    if (known === undefined) versions.set(name, new Set([version]));
    else known.add(version);
  }
  return versions;
}

function listed(versions: ReadonlySet<string> | undefined): string[] {
  return [...(versions ?? [])]
    .filter((version) => version !== "")
    .sort()
    .slice(0, MAX_VERSIONS)
    .map((version) => version.slice(0, 100));
}

function totalSize(members: readonly ClosureMember[]): number {
  return members.reduce((total, { size }) => total + size, 0);
}
