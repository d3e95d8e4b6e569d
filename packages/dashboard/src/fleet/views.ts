import {
  deployedClosure,
  type HostId,
  type HostRow,
  isTerminal,
  REFUSED_WAIT,
  type RunId,
  type RunSummary,
  type SourceId,
  type SourceView,
} from "@nixfleet/protocol";
import { createKeyedQueue, every, type Recurring } from "@nixfleet/runtime";
import { factValues, type HostRecord } from "../hosts/index.ts";
import type { HostInput, RunsInput } from "../status/index.ts";
import { compartments, type Findings, reachability, undoOverdueAt } from "../status/index.ts";
import { changesView } from "./changes-view.ts";
import type { FleetViews, FleetViewsDeps, Urgency } from "./fleet-views.ts";
import { generationsView } from "./generations-view.ts";
import { type HostClosures, type HostHistory, readHistories } from "./host-history.ts";
import { hostRow, meters, type RowInput } from "./host-row.ts";
import { hostTarget, trackedSource } from "./host-target.ts";
import { hostView } from "./host-view.ts";

/** Sentences contain ages in days, so rows are rebuilt this often. */
const ROW_INTERVAL = 60 * 60_000;
/**
 * A conflict is over when the second machine has not tried again for this long, in milliseconds. An agent that was refused comes back
 * within a minute: two of its tries may fail on the way, and the badge outlives its cause by no more than that.
 */
const CONFLICT_LIMIT = 3 * REFUSED_WAIT;

/** Hosts whose reading failed are read again this often, in milliseconds. */
const RETRY_INTERVAL = 5_000;

/** How much of a host to refresh, from little to much: rebuild its row, update its active run, read the whole host. */
const REFRESH_LEVELS = ["row", "run", "host"] as const;
type RefreshLevel = (typeof REFRESH_LEVELS)[number];

interface Entry {
  record: HostRecord;
  history: HostHistory;
  run: RunSummary | null;
  input: HostInput;
  findings: Findings;
  row: HostRow;
  timer: { cancel(): void } | undefined;
}

export function createFleetViews(deps: FleetViewsDeps): FleetViews {
  const { store, bus, clock, log, hosts, sources, presence, runs } = deps;
  const entries = new Map<HostId, Entry>();
  const listeners = new Set<(id: HostId, urgency: Urgency) => void>();
  let ending = new AbortController();
  let rowTimer: Recurring | undefined;
  let retries: Recurring | undefined;
  /** Hosts that could not be read; their rows are as before. */
  const failed = new Set<HostId>();
  /** The last seen state of each source's target, as far as rows depend on it. */
  const lastTargets = new Map<SourceId, string>();

  const notify = (id: HostId, urgency: Urgency = "soon") => {
    for (const listener of listeners) listener(id, urgency);
  };

  const queue = createKeyedQueue<HostId, RefreshLevel>({
    work: async (id, level) => {
      if (ending.signal.aborted) return;
      const entry = entries.get(id);
      if (level === "host" || entry === undefined) await read(id);
      else if (level === "row") await buildRow(id, entry);
      else await updateRun(id, entry);
    },
    merge: (first, second) => (REFRESH_LEVELS.indexOf(first) > REFRESH_LEVELS.indexOf(second) ? first : second),
    onError: readFailed,
  });

  function readFailed(hostId: HostId, error: unknown): void {
    log.error({ err: error, hostId }, "A host could not be read");
    failed.add(hostId);
    if (failed.size === 1) retries?.reschedule();
  }

  async function retryFailed(): Promise<void> {
    const ids = [...failed];
    failed.clear();
    await Promise.all(ids.map((id) => queue.add(id, "host")));
  }

  async function read(id: HostId): Promise<void> {
    const record = await hosts.get(id);
    if (record === null) return forget(id);
    const history = (await readHistories(store.db, [closuresOf(record)])).get(id) ?? NO_HISTORY;
    const run = history.currentRun === null ? null : await runs.summary(history.currentRun);
    await buildRow(id, { record, history, run: unfinished(run) });
  }

  /** Reads all hosts with as many statements as for a few. */
  async function readAll(): Promise<void> {
    const records = await hosts.list();
    const histories = await readHistories(store.db, records.map(closuresOf));
    const current = [...histories.values()].flatMap(({ currentRun }) => currentRun ?? []);
    const summaries = await runs.summaries(current);
    for (const record of records) {
      const history = histories.get(record.id) ?? NO_HISTORY;
      const run = history.currentRun === null ? null : (summaries.get(history.currentRun) ?? null);
      try {
        await buildRow(record.id, { record, history, run: unfinished(run) });
      } catch (error) {
        readFailed(record.id, error);
      }
    }
  }

  /** The active run changed: unless it ended, it changed nothing else of the host. */
  async function updateRun(id: HostId, entry: Entry): Promise<void> {
    const { run } = entry;
    const now = run === null ? null : await runs.summary(run.id);
    if (run === null || now === null || now.state !== run.state) await read(id);
    else await buildRow(id, { ...entry, run: now });
  }

  /** Builds the row from the records, with the current target and link. */
  async function buildRow(id: HostId, { record, history, run }: Pick<Entry, "record" | "history" | "run">): Promise<void> {
    const link = presence.of(id);
    const input: HostInput = {
      name: record.name,
      facts: factValues(record.facts),
      deployments: history.deployments,
      previews: history.previews,
      conflict: link.conflict !== null && clock.now() < link.conflict.at + CONFLICT_LIMIT ? link.conflict.reason : null,
      unsupported: link.connectedSince === null && link.lastRefused?.unsupported === true ? link.lastRefused.reason : null,
    };
    const target = await hostTarget(sources, record, input);
    if (ending.signal.aborted) return;
    const findings = compartments(input, target, runsInput(history, run), clock.now());
    const reach = reachability(
      { connectedSince: link.connectedSince, lastSeenAt: link.lastHeardAt ?? record.lastSeenAt },
      clock.now(),
    );
    const { policy, settings, name, platform } = record;
    const rowInput: RowInput = {
      id,
      name,
      platform,
      sourceId: trackedSource(sources, record),
      policy,
      settings,
      input,
      target,
      findings,
      reach,
      metrics: link.metrics,
      run,
    };
    const before = entries.get(id);
    before?.timer?.cancel();
    const row = hostRow(rowInput);
    const conflictEnds =
      input.conflict === null || link.conflict === null ? null : link.conflict.at + CONFLICT_LIMIT - clock.now();
    const overdueAt = undoOverdueAt(input.facts);
    const overdueIn = overdueAt === null || overdueAt < clock.now() ? null : overdueAt - clock.now() + 1;
    const delays = [reach.changesIn, conflictEnds, overdueIn].filter((ms) => ms !== null);
    const timer = delays.length === 0 ? undefined : clock.setTimeout(() => void queue.add(id, "row"), Math.min(...delays));
    const same = before !== undefined && JSON.stringify(before.row) === JSON.stringify(row);
    entries.set(id, { record, history, run, input, findings, row: same ? before.row : row, timer });
    notify(id);
  }

  function runChanged(id: HostId, runId: RunId): void {
    void queue.add(id, entries.get(id)?.run?.id === runId ? "run" : "host");
  }

  function forget(id: HostId): void {
    entries.get(id)?.timer?.cancel();
    if (entries.delete(id)) notify(id);
  }

  function sourceChanged(sourceId: SourceId): void {
    const source = sources.of(sourceId);
    const seen = source === null ? "" : targetKey(source.view());
    if (seen === lastTargets.get(sourceId)) return;
    lastTargets.set(sourceId, seen);
    for (const [id, { record }] of entries) if (trackedSource(sources, record) === sourceId) void queue.add(id, "row");
  }

  /** Rebuilds every row without reading anything. */
  function rebuildRows(): void {
    for (const id of entries.keys()) void queue.add(id, "row");
  }

  function updateMeters(id: HostId): void {
    const entry = entries.get(id);
    if (entry === undefined) return;
    const values = meters(presence.of(id).metrics);
    const { load, memory, disk } = entry.row;
    const same = values.load === load && values.memory === memory && values.disk === disk;
    if (!same) entry.row = { ...entry.row, ...values };
    notify(id, "later");
  }

  const views: FleetViews = {
    async start() {
      ending = new AbortController();
      const { signal } = ending;
      const owner = "fleet views";
      for (const source of sources.list()) lastTargets.set(source.id, targetKey(source.view()));
      bus.on("host.changed", ({ hostId }) => void queue.add(hostId, "host"), { owner, signal });
      bus.on("presence.changed", ({ hostId }) => void queue.add(hostId, "row"), { owner, signal });
      bus.on("run.changed", ({ hostId, runId }) => void (hostId !== null && runChanged(hostId, runId)), { owner, signal });
      bus.on("host.removed", ({ hostId }) => void queue.add(hostId, "host"), { owner, signal });
      bus.on("host.metrics", ({ hostId }) => updateMeters(hostId), { owner, signal });
      bus.on("source.changed", ({ sourceId }) => sourceChanged(sourceId), { owner, signal });
      rowTimer = every(rebuildRows, {
        clock,
        interval: ROW_INTERVAL,
        onError: (error) => log.error({ err: error }, "Host rows could not be rebuilt"),
      });
      const onRetryError = (error: unknown) => log.error({ err: error }, "Hosts could not be read again");
      const untilRetry = () => (failed.size === 0 ? Number.POSITIVE_INFINITY : RETRY_INTERVAL);
      retries = every(retryFailed, { clock, interval: untilRetry, onError: onRetryError });
      await readAll();
    },

    async stop() {
      ending.abort();
      await queue.settled();
      for (const recurring of [rowTimer, retries]) await recurring?.[Symbol.asyncDispose]();
      for (const entry of entries.values()) entry.timer?.cancel();
      failed.clear();
    },

    async rows() {
      await queue.settled();
      return [...entries.values()].map(({ row }) => row).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
    },

    async row(id) {
      await queue.settled(id);
      return entries.get(id)?.row ?? null;
    },

    async view(id) {
      await queue.settled(id);
      const entry = entries.get(id);
      return entry === undefined ? null : await hostView(deps, { ...entry, source: sources.of(entry.record.sourceId) });
    },

    async changes(id) {
      await queue.settled(id);
      const entry = entries.get(id);
      return entry === undefined ? null : await changesView(deps, { ...entry, source: sources.of(entry.record.sourceId) });
    },

    async generations(id) {
      await queue.settled(id);
      const entry = entries.get(id);
      return entry === undefined ? null : await generationsView(deps, { ...entry, source: sources.of(entry.record.sourceId) });
    },

    peek: (id) => entries.get(id)?.row ?? null,
    get ids() {
      return entries.keys();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: () => views.stop(),
  };

  return views;
}

/**
 * A run can end between the reading of the host's history and that of its summary. It is the host's run no more, and its end, which is
 * published after that, has all of the host read again.
 */
function unfinished(run: RunSummary | null): RunSummary | null {
  return run === null || isTerminal(run.state) ? null : run;
}

const NO_HISTORY: HostHistory = {
  deployments: [],
  previews: [],
  active: null,
  lastFetch: null,
  lastSwitch: null,
  lastTest: null,
  currentRun: null,
};

/** The closures that a host runs or would boot. */
function closuresOf({ id: hostId, facts: { running, profile } }: HostRecord): HostClosures {
  const closures = [running && deployedClosure(running.value), profile?.value.closure].filter((closure) => closure !== undefined);
  return { hostId, closures };
}

function runsInput(history: HostHistory, run: RunSummary | null): RunsInput {
  const { active, lastFetch, lastSwitch, lastTest } = history;
  const shown = active !== null && run?.id === active.id ? { ...active, word: run.word, sentence: run.sentence } : active;
  return { active: shown, lastFetch, lastSwitch, lastTest };
}

/** The part of a target that rows depend on: an unchanged one changes no row. */
function targetKey(view: SourceView): string {
  if (view.state !== "known") return JSON.stringify(view);
  const { commit, lockHash, stale } = view;
  return JSON.stringify([commit, lockHash, stale]);
}
