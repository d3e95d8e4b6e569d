import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  Commit,
  type CommitRelation,
  type CommitView,
  LockInput,
  type SourceId,
  type TargetView,
  type Timestamp,
} from "@nixfleet/protocol";
import { type Clock, createGit, type Exec, type FlakeLockRead, type GitCredentials } from "@nixfleet/runtime";
import * as z from "zod";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";
import { commitUrl } from "./forge-url.ts";
import { type CommitNote, createMirror, type Mirror } from "./mirror.ts";

/** For this long after the last good reading, a failure to read is no news: what was read counts as current (R19). */
export const GRACE = 15 * 60_000;
/** One reading takes no longer, in milliseconds. */
const FETCH_DEADLINE = 2 * 60_000;
/** Commits whose standing and note are kept. */
const MOST_KEPT = 5000;
/** Questions to git at a time. */
const MOST_QUESTIONS = 2;
/** Commits between two that are told. */
const MOST_COMMITS = 200;

export interface TargetDeps {
  /** Null: no config repository is configured. */
  repository: { url: string; branch: string; credentials?: GitCredentials | undefined } | null;
  /** The mirror's own. */
  directory: string;
  /** Milliseconds between the end of one reading and the next. */
  interval: number;
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  exec: Exec;
  env: Readonly<Record<string, string | undefined>>;
}

/** Where a commit stands to the target, and since when something is missing in it. */
export interface Standing {
  readonly relation: CommitRelation;
  /** Date of the first commit of the target that it lacks; null: it lacks none, or that is not known. */
  readonly lackingSince: Timestamp | null;
}

/** What hosts should run: the tip of the tracked branch. All answers but `refresh` are given from what is known already. */
export interface Target extends AsyncDisposable {
  /** Takes up what was last known, and begins to read the config repository. */
  start(): Promise<void>;
  stop(): Promise<void>;
  view(): TargetView;
  /** Reads the config repository now. A reading that had begun before this call is not enough: it may have missed the change. */
  refresh(): Promise<TargetView>;
  /** Where a commit stands to the target. Asks the mirror only, never the network (R40). */
  standing(commit: Commit): Promise<Standing>;
  /**
   * What one commit has and the other lacks, newest first. Asks the mirror only. Not complete: there are more than it gives, or the
   * mirror does not have one of the two; `from` null: it is not known.
   */
  commits(from: Commit | null, to: Commit): Promise<{ items: CommitView[]; complete: boolean }>;
  /** Subject of a commit; null: the mirror does not have it. */
  subject(commit: Commit): Promise<string | null>;
}

const Known = z.object({
  commit: Commit,
  subject: z.string(),
  author: z.string(),
  committedAt: z.number(),
  fetchedAt: z.number(),
  lockHash: z.string().nullable(),
  inputs: z.record(z.string(), LockInput),
});
type Known = z.infer<typeof Known>;
/** `source` is the repository and branch that it was read from: what another one said does not count. */
const Stored = z.object({ source: z.string(), known: Known });

const unknownStanding: Standing = { relation: { kind: "unknown" }, lackingSince: null };

export function createTarget(deps: TargetDeps): Target {
  const { repository, store, bus, clock, log, interval } = deps;
  const mirror = repository === null ? null : openMirror(deps, repository);
  const source = repository === null ? "" : `${repository.branch} ${repository.url}`;

  const sourceId = createHash("sha256").update(source).digest("hex").slice(0, 16) as SourceId;

  let known: Known | null = null;
  let problem: { sentence: string; next: string } | null = null;
  let reading: Promise<void> | null = null;
  let following: Promise<void> | null = null;
  let nextReading: { cancel(): void } | undefined;
  let turningStale: { cancel(): void } | undefined;
  let stopping = new AbortController();
  let started = false;

  const questions = createQueue(MOST_QUESTIONS);
  const standings = new Map<Commit, Promise<Standing>>();
  const notes = new Map<Commit, Promise<CommitNote | null>>();
  const betweens = new Map<string, ReturnType<Mirror["between"]>>();
  const ask = <T>(kept: Map<string, Promise<T>>, about: string, question: () => Promise<T>): Promise<T> => {
    const answered = kept.get(about);
    if (answered !== undefined) return answered;
    const answer = questions(question);
    kept.set(about, answer);
    // A question that broke is asked again next time.
    answer.catch(() => kept.delete(about));
    const oldest = kept.keys().next().value;
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return answer;
  };

  async function read(from: Mirror): Promise<void> {
    nextReading?.cancel();
    const deadline = new AbortController();
    const timer = clock.setTimeout(() => deadline.abort(), FETCH_DEADLINE);
    const signal = AbortSignal.any([deadline.signal, stopping.signal]);
    try {
      const tip = await from.fetch(signal);
      const lock = tip.ok && tip.value.commit !== known?.commit ? await from.lock(tip.value.commit, signal) : null;
      if (stopping.signal.aborted) return;
      if (!tip.ok) failed(tip.failure);
      else if (lock?.ok === false) failed(lock.failure);
      else await succeeded(tip.value, lock?.value);
    } catch (error) {
      log.error({ err: error }, "Reading the config repository broke");
      failed({ sentence: `Reading the config repository broke: ${(error as Error).message}`, next: "See the dashboard's log." });
    } finally {
      timer.cancel();
      if (!stopping.signal.aborted) {
        nextReading = clock.setTimeout(() => void refresh(from), interval);
        bus.emit("target.changed", {});
      }
    }
  }

  function failed(failure: { sentence: string; next: string }): void {
    if (problem?.sentence !== failure.sentence)
      log.warn({ problem: failure.sentence }, "The config repository could not be read");
    problem = failure;
  }

  /** `lock` is undefined where the commit is the one that was known already. */
  async function succeeded(tip: CommitNote, lock: FlakeLockRead | null | undefined): Promise<void> {
    const moved = tip.commit !== known?.commit;
    const kept = { lockHash: known?.lockHash ?? null, inputs: known?.inputs ?? {} };
    const content =
      lock === undefined
        ? kept
        : lock?.ok === true
          ? { lockHash: lock.hash, inputs: lock.inputs }
          : { lockHash: null, inputs: {} };
    if (lock?.ok === false) log.warn({ commit: tip.commit, fault: lock.fault }, "The target's flake.lock cannot be read");
    known = { ...tip, fetchedAt: clock.now(), ...content, inputs: z.record(z.string(), LockInput).parse(content.inputs) };
    problem = null;
    // Whatever was not there before may have come with this reading.
    if (moved) standings.clear();
    else for (const [commit, standing] of standings) if ((await standing).relation.kind === "unknown") standings.delete(commit);
    for (const [commit, note] of notes) if ((await note) === null) notes.delete(commit);
    for (const [pair, between] of betweens) if ((await between) === null) betweens.delete(pair);
    watchStaleness();
    await keep(known);
  }

  async function keep(value: Known): Promise<void> {
    const row = {
      id: sourceId,
      url: repository?.url ?? "",
      branch: repository?.branch ?? "",
      state: JSON.stringify({ source, known: value } satisfies z.infer<typeof Stored>),
    };
    try {
      await store.change(({ db }) =>
        db
          .insertInto("sources")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
          .execute(),
      );
    } catch (error) {
      // It counts all the same; it is kept only to bridge a restart, and the storage's own state tells that nothing can be stored.
      log.warn({ err: error }, "The target could not be stored");
    }
  }

  const isStale = () => known !== null && clock.now() - known.fetchedAt > GRACE;

  function watchStaleness(): void {
    turningStale?.cancel();
    if (known === null) return;
    const left = known.fetchedAt + GRACE - clock.now();
    if (left >= 0) turningStale = clock.setTimeout(() => bus.emit("target.changed", {}), left + 1);
  }

  function refresh(from: Mirror): Promise<void> {
    if (stopping.signal.aborted) return Promise.resolve();
    if (reading === null) {
      reading = read(from).finally(() => {
        reading = null;
      });
      return reading;
    }
    following ??= reading.then(() => {
      following = null;
      return refresh(from);
    });
    return following;
  }

  function view(): TargetView {
    if (repository === null) return { state: "not-configured" };
    const { url, branch } = repository;
    const fault = { problem: problem?.sentence ?? null, next: problem?.next ?? null };
    if (known === null) return { state: "never-read", branch, ...fault };
    return { state: "known", branch, ...known, url: commitUrl(url, known.commit), stale: isStale(), ...fault };
  }

  const target: Target = {
    async start() {
      if (started || mirror === null) return;
      started = true;
      stopping = new AbortController();
      const row = await store.db.selectFrom("sources").select("state").where("id", "=", sourceId).executeTakeFirst();
      const stored = row?.state == null ? null : Stored.safeParse(JSON.parse(row.state));
      if (stored?.success && stored.data.source === source) known = stored.data.known;
      watchStaleness();
      void refresh(mirror);
    },

    async stop() {
      started = false;
      stopping.abort();
      nextReading?.cancel();
      turningStale?.cancel();
      await following;
      await reading;
    },

    view,

    async refresh() {
      if (mirror !== null) await refresh(mirror);
      return view();
    },

    async standing(commit) {
      if (mirror === null || known === null) return unknownStanding;
      const { commit: goal } = known;
      return ask(standings, commit, () => mirror.relate(commit, goal));
    },

    async commits(from, to) {
      if (from === to) return { items: [], complete: true };
      const found =
        mirror === null || repository === null || from === null
          ? null
          : await ask(betweens, `${from}..${to}`, () => mirror.between(from, to, MOST_COMMITS));
      if (found === null || repository === null) return { items: [], complete: false };
      const items = found.commits.map(
        ({ commit, subject, author, committedAt: at }): CommitView => ({
          commit,
          subject,
          author,
          at,
          url: commitUrl(repository.url, commit),
        }),
      );
      return { items, complete: found.complete };
    },
    async subject(commit) {
      if (commit === known?.commit) return known.subject;
      if (mirror === null) return null;
      return (await ask(notes, commit, () => mirror.note(commit)))?.subject ?? null;
    },

    [Symbol.asyncDispose]: () => target.stop(),
  };
  return target;
}

function openMirror({ exec, env, directory }: TargetDeps, repository: NonNullable<TargetDeps["repository"]>): Mirror {
  const { url, branch, credentials } = repository;
  return createMirror({
    directory: join(directory, "mirror.git"),
    repoUrl: url,
    branch,
    git: createGit({ exec, env, repoUrl: url, credentials }),
    localGit: createGit({ exec, env }),
  });
}

/** Runs at most `most` at a time, the others in their order. */
function createQueue(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
