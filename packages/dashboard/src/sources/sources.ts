import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SourceId } from "@nixfleet/protocol";
import { sourceIdOf } from "../hosts/index.ts";
import { createSource, type DeclaredSource, type Source, type SourceDeps, type SourceReader } from "./source.ts";

export interface SourcesDeps extends Omit<SourceDeps, "declared" | "id" | "directory"> {
  /** The declared sources; duplicates count once. */
  declared: readonly DeclaredSource[];
  /** For mirrors only: anything else in it is removed. */
  directory: string;
}

/** The sources that this dashboard reads. Hosts may track others, which are not known here. */
export interface Sources extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** In the order of declaration. */
  list(): readonly Source[];
  /**
   * The declared source of this id; null: there is none. A host that has not reported its source yet (null) belongs to
   * the only one.
   */
  of(id: SourceId | null): Source | null;
  /** The declared source, where there is exactly one. */
  readonly only: Source | null;
}

/** The read-only part of the sources, for pages. */
export interface SourcesReader {
  list(): readonly SourceReader[];
  of(id: SourceId | null): SourceReader | null;
}

export function createSources({ declared, directory, ...deps }: SourcesDeps): Sources {
  const { log } = deps;
  const sources = new Map<SourceId, Source>();
  for (const source of declared) {
    const id = sourceIdOf({ repoUrl: source.url, branch: source.branch, flakeDir: source.flakeDir });
    if (!sources.has(id)) sources.set(id, createSource({ ...deps, declared: source, id, directory: mirrorOf(directory, id) }));
  }
  const all = [...sources.values()];
  const only = all.length === 1 ? (all[0] ?? null) : null;
  let cleanup: Promise<void> = Promise.resolve();

  /** Removes mirrors of sources that are no longer declared. */
  async function removeOldMirrors(): Promise<void> {
    const kept = new Set([...sources.keys()].map((id) => mirrorOf(directory, id)));
    const paths = (await readdir(directory)).map((name) => join(directory, name));
    for (const path of paths) if (!kept.has(path)) await rm(path, { recursive: true, force: true });
  }

  const set: Sources = {
    async start() {
      cleanup = removeOldMirrors().catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") log.warn({ err: error }, "An old mirror could not be removed");
      });
      for (const source of all) await source.start();
    },
    async stop() {
      await Promise.all(all.map((source) => source.stop()));
      await cleanup;
    },
    list: () => all,
    of: (id) => (id === null ? only : (sources.get(id) ?? null)),
    only,
    [Symbol.asyncDispose]: () => set.stop(),
  };
  return set;
}

function mirrorOf(directory: string, id: SourceId): string {
  return join(directory, `${id}.git`);
}
