import {
  Commit,
  type CommitRelation,
  type CommitView,
  LockInput,
  type SourceId,
  type SourceView,
  type Timestamp,
} from "@nixfleet/protocol";
import {
  type Clock,
  createGit,
  createLimiter,
  type Exec,
  every,
  type FlakeLockRead,
  type GitCredentials,
  messageOf,
  type Recurring,
} from "@nixfleet/runtime";
import * as z from "zod";
import type { Bus } from "../bus.ts";
import { redactInputs } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";
import { commitUrl } from "./forge-url.ts";
import { type CommitInfo, createMirror, type Mirror } from "./mirror.ts";

/** For this long after the last successful fetch, a failed one does not make the target stale (R19). */
export const GRACE_PERIOD = 15 * 60_000;
/** Maximum duration of a fetch, in milliseconds. */
const FETCH_TIMEOUT = 2 * 60_000;
/** Maximum commits whose standing and info are cached. */
const MAX_CACHED = 5000;
/** Concurrent git queries. */
const MAX_CONCURRENT_QUERIES = 2;
/** Maximum commits listed between two. */
const MAX_COMMITS = 200;

/** A source declared in the dashboard's settings. */
export interface DeclaredSource {
  readonly url: string;
  readonly branch: string;
  /** Folder of the flake within it; absent or empty: its root. */
  readonly flakeDir?: string | undefined;
  readonly credentials?: GitCredentials | undefined;
}

export interface SourceDeps {
  declared: DeclaredSource;
  id: SourceId;
  /** Directory of the mirror. */
  directory: string;
  /** Milliseconds between the end of a fetch and the next one. */
  interval: number;
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  exec: Exec;
  env: Readonly<Record<string, string | undefined>>;
}

/** How a commit relates to the target, and since when it lacks something. */
export interface Standing {
  readonly relation: CommitRelation;
  /** Date of the first commit of the target that it lacks; null: it lacks none, or that is not known. */
  readonly lackingSince: Timestamp | null;
}

/**
 * A config repository and a branch of it. Its target is the tip of the branch, which its hosts should run. Only `refresh` connects to
 * the repository.
 */
export interface Source extends AsyncDisposable {
  readonly id: SourceId;
  readonly url: string;
  readonly branch: string;
  readonly flakeDir: string;
  /** Loads the last known target and begins to fetch the config repository. */
  start(): Promise<void>;
  stop(): Promise<void>;
  view(): SourceView;
  /** Fetches the config repository now, even if a fetch is in progress, which may miss the latest change. */
  refresh(): Promise<SourceView>;
  /** How a commit relates to the target. Reads the mirror only, never the network (R40). */
  standing(commit: Commit): Promise<Standing>;
  /**
   * Commits that `to` has and `from` lacks, newest first. Reads the mirror only. Not complete: there are more, or one of the two is
   * not in the mirror; `from` null: not known.
   */
  commits(from: Commit | null, to: Commit): Promise<{ items: CommitView[]; complete: boolean }>;
  /** Subject of a commit; null: not in the mirror. */
  subject(commit: Commit): Promise<string | null>;
}

/** The read-only part of a source, for pages. */
export type SourceReader = Pick<Source, "id" | "view" | "standing" | "commits" | "subject">;

const StoredTarget = z.object({
  commit: Commit,
  subject: z.string(),
  author: z.string(),
  committedAt: z.number(),
  fetchedAt: z.number(),
  lockHash: z.string().nullable(),
  inputs: z.record(z.string(), LockInput),
});
type StoredTarget = z.infer<typeof StoredTarget>;

const unknownStanding: Standing = { relation: { kind: "unknown" }, lackingSince: null };

export function createSource(deps: SourceDeps): Source {
  const { declared, id, directory, store, bus, clock, log, interval, exec, env } = deps;
  const { url, branch, flakeDir = "", credentials } = declared;
  const mirror = createMirror({
    directory,
    repoUrl: url,
    branch,
    flakeDir,
    git: createGit({ exec, env, repoUrl: url, credentials }),
    localGit: createGit({ exec, env }),
  });

  let known: StoredTarget | null = null;
  let problem: { sentence: string; next: string } | null = null;
  let fetchLoop: Recurring | null = null;
  let staleTimer: { cancel(): void } | undefined;

  const limiter = createLimiter({ concurrent: MAX_CONCURRENT_QUERIES });
  const standings = new Map<Commit, Promise<Standing>>();
  const commitInfos = new Map<Commit, Promise<CommitInfo | null>>();
  const ranges = new Map<string, ReturnType<Mirror["between"]>>();
  const cached = <T>(cache: Map<string, Promise<T>>, key: string, query: () => Promise<T>): Promise<T> => {
    const cachedAnswer = cache.get(key);
    if (cachedAnswer !== undefined) return cachedAnswer;
    const answer = limiter.run(query);
    cache.set(key, answer);
    // Do not cache a failed query.
    answer.catch(() => cache.delete(key));
    const oldest = cache.keys().next().value;
    if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
    return answer;
  };

  const inFolder = flakeDir === "" ? {} : { flakeDir };
  const changed = () => bus.emit("source.changed", { sourceId: id });

  async function read(stopping: AbortSignal): Promise<void> {
    const deadline = new AbortController();
    const timer = clock.setTimeout(() => deadline.abort(), FETCH_TIMEOUT);
    const signal = AbortSignal.any([deadline.signal, stopping]);
    try {
      const tip = await mirror.fetch(signal);
      const lock = tip.ok && tip.value.commit !== known?.commit ? await mirror.lock(tip.value.commit, signal) : null;
      if (stopping.aborted) return;
      if (!tip.ok) failed(tip.failure);
      else if (lock?.ok === false) failed(lock.failure);
      else await succeeded(tip.value, lock?.value);
      changed();
    } finally {
      timer.cancel();
    }
  }

  function onReadError(error: unknown): void {
    log.error({ err: error, sourceId: id }, "Reading the config repository failed unexpectedly");
    failed({
      sentence: `Reading the config repository failed unexpectedly: ${messageOf(error)}`,
      next: "See the dashboard's log.",
    });
    changed();
  }

  function failed(failure: { sentence: string; next: string }): void {
    if (problem?.sentence !== failure.sentence)
      log.warn({ sourceId: id, problem: failure.sentence }, "The config repository could not be read");
    problem = failure;
  }

  /** `lock` undefined: the commit has not changed. */
  async function succeeded(tip: CommitInfo, lock: FlakeLockRead | null | undefined): Promise<void> {
    const moved = tip.commit !== known?.commit;
    const previous = { lockHash: known?.lockHash ?? null, inputs: known?.inputs ?? {} };
    const content =
      lock === undefined
        ? previous
        : lock?.ok === true
          ? { lockHash: lock.hash, inputs: lock.inputs }
          : { lockHash: null, inputs: {} };
    if (lock?.ok === false)
      log.warn({ sourceId: id, commit: tip.commit, fault: lock.fault }, "The target's flake.lock cannot be read");
    known = { ...tip, fetchedAt: clock.now(), ...content, inputs: z.record(z.string(), LockInput).parse(content.inputs) };
    problem = null;
    // Commits that were unknown before may have arrived with this fetch.
    if (moved) standings.clear();
    else for (const [commit, standing] of standings) if ((await standing).relation.kind === "unknown") standings.delete(commit);
    for (const [commit, info] of commitInfos) if ((await info) === null) commitInfos.delete(commit);
    for (const [pair, range] of ranges) if ((await range) === null) ranges.delete(pair);
    scheduleStale();
    await saveTarget(known);
  }

  async function saveTarget(value: StoredTarget): Promise<void> {
    const row = { id, url, branch, state: JSON.stringify(value) };
    try {
      await store.change(({ db }) =>
        db
          .insertInto("sources")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
          .execute(),
      );
    } catch (error) {
      // Stored only for the next start. The target is valid anyway, and the store reports storage faults itself.
      log.warn({ err: error, sourceId: id }, "The target could not be stored");
    }
  }

  const isStale = () => known !== null && clock.now() - known.fetchedAt > GRACE_PERIOD;

  function scheduleStale(): void {
    staleTimer?.cancel();
    if (known === null) return;
    const left = known.fetchedAt + GRACE_PERIOD - clock.now();
    if (left >= 0) staleTimer = clock.setTimeout(changed, left + 1);
  }

  function view(): SourceView {
    const fields = {
      sourceId: id,
      repoUrl: url,
      branch,
      ...inFolder,
      problem: problem?.sentence ?? null,
      next: problem?.next ?? null,
    };
    if (known === null) return { state: "never-read", ...fields };
    return { state: "known", ...fields, ...known, url: commitUrl(url, known.commit), stale: isStale() };
  }

  const source: Source = {
    id,
    url,
    branch,
    flakeDir,

    async start() {
      if (fetchLoop !== null) return;
      const row = await store.db.selectFrom("sources").select("state").where("id", "=", id).executeTakeFirst();
      const stored = row?.state == null ? null : StoredTarget.safeParse(JSON.parse(row.state));
      if (stored?.success) known = { ...stored.data, inputs: redactInputs(stored.data.inputs) };
      scheduleStale();
      fetchLoop = every(read, { interval, clock, onError: onReadError, immediately: true });
    },

    async stop() {
      await fetchLoop?.[Symbol.asyncDispose]();
      fetchLoop = null;
      staleTimer?.cancel();
    },

    view,

    async refresh() {
      await fetchLoop?.runNow();
      return view();
    },

    async standing(commit) {
      if (known === null) return unknownStanding;
      const { commit: goal } = known;
      return cached(standings, commit, () => mirror.relate(commit, goal));
    },

    async commits(from, to) {
      if (from === to) return { items: [], complete: true };
      const found = from === null ? null : await cached(ranges, `${from}..${to}`, () => mirror.between(from, to, MAX_COMMITS));
      if (found === null) return { items: [], complete: false };
      const items = found.commits.map(
        ({ commit, subject, author, committedAt: at }): CommitView => ({
          commit,
          subject,
          author,
          at,
          url: commitUrl(url, commit),
        }),
      );
      return { items, complete: found.complete };
    },

    async subject(commit) {
      if (commit === known?.commit) return known.subject;
      return (await cached(commitInfos, commit, () => mirror.info(commit)))?.subject ?? null;
    },

    [Symbol.asyncDispose]: () => source.stop(),
  };
  return source;
}
