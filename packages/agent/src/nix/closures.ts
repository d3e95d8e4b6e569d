import { type ClosureDiff, storeName } from "@nixfleet/protocol";
import { parsePackageName } from "./store-names.ts";

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
  const before = packagesByName(from?.members ?? []);
  const after = packagesByName(to.members);
  const diff: ClosureDiff = {
    from: from?.path ?? null,
    to: to.path,
    added: [],
    removed: [],
    changed: [],
    sizeBefore: from === null ? null : totalSize(from.members),
    sizeAfter: totalSize(to.members),
  };
  for (const full of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const name = full.slice(0, 200);
    const old = before.get(full);
    const now = after.get(full);
    if (now !== undefined && old === undefined) diff.added.push({ name, versions: listed(now), size: now.size });
    else if (old !== undefined && now === undefined) diff.removed.push({ name, versions: listed(old), size: old.size });
    else if (old !== undefined && now !== undefined && old.versions.symmetricDifference(now.versions).size > 0) {
      diff.changed.push({ name, from: listed(old), to: listed(now), sizeBefore: old.size, sizeAfter: now.size });
    }
  }
  diff.added.splice(MAX_ENTRIES);
  diff.removed.splice(MAX_ENTRIES);
  diff.changed.splice(MAX_ENTRIES);
  return diff;
}

interface Package {
  versions: Set<string>;
  /** Bytes of all its store paths. */
  size: number;
}

function packagesByName(members: readonly ClosureMember[]): Map<string, Package> {
  const packages = new Map<string, Package>();
  for (const { path, size } of members) {
    const { name, version } = parsePackageName(storeName(path));
    const known = packages.get(name) ?? { versions: new Set(), size: 0 };
    known.versions.add(version);
    known.size += size;
    packages.set(name, known);
  }
  return packages;
}

function listed({ versions }: Package): string[] {
  return [...versions]
    .filter((version) => version !== "")
    .sort()
    .slice(0, MAX_VERSIONS)
    .map((version) => version.slice(0, 100));
}

function totalSize(members: readonly ClosureMember[]): number {
  return members.reduce((total, { size }) => total + size, 0);
}
