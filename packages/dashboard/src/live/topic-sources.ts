import {
  type AuditEntry,
  type HostId,
  isTerminal,
  type RunId,
  type RunState,
  type RunSummary,
  type ServerInfo,
  type SourceId,
  type Topic,
  type TopicHead,
  topicHead,
} from "@nixfleet/protocol";
import type { Bus } from "../bus.ts";
import type { FleetViews } from "../fleet/index.ts";
import type { RunViews } from "../runs/index.ts";
import type { SourcesReader } from "../sources/index.ts";
import type { Store } from "../store/index.ts";
import type { TopicSource, TopicValues } from "./topic.ts";

/** How many of a host's runs and of the audit's entries are kept live; older ones come page by page over REST. */
const NEWEST_RUNS = 50;
const NEWEST_ENTRIES = 200;

export interface SourceDeps {
  store: Store;
  bus: Bus;
  views: Pick<FleetViews, "rows" | "peek" | "view" | "changes" | "generations" | "onChange">;
  runs: Pick<RunViews, "summary" | "summaries" | "view">;
  sources: SourcesReader;
  links: { watch(hostId: HostId): () => void };
  audit: { list(filter: object, limit: number, before: number | null): Promise<{ items: AuditEntry[] }> };
  server: () => ServerInfo;
}

const owner = "live";
/** Listens to several events until all of that is to end. */
function listening(begin: (signal: AbortSignal) => (() => void) | undefined): () => void {
  const ending = new AbortController();
  const end = begin(ending.signal);
  return () => {
    ending.abort();
    end?.();
  };
}
/** The source of each topic; `id` is what its name has after the colon. */
const SOURCES: Readonly<Record<TopicHead, (id: string, deps: SourceDeps) => TopicSource>> = {
  fleet: (_, deps) => fleetSource(deps),
  host: (id, deps) => hostSource(id as HostId, deps),
  run: (id, deps) => runSource(id as RunId, deps),
  activity: (_, deps) => activitySource(deps),
};

/** Where the values of a topic come from. */
export function sourceOf(topic: Topic, deps: SourceDeps): TopicSource {
  return SOURCES[topicHead(topic)](after(topic), deps);
}

const after = (key: string) => key.slice(key.indexOf(":") + 1);

/** Rows of all hosts, the active and queued runs, the declared sources, and the dashboard itself. */
function fleetSource({ store, bus, views, runs, sources, server }: SourceDeps): TopicSource {
  const unfinished = (summary: RunSummary | null | undefined) =>
    summary == null || isTerminal(summary.state) ? undefined : summary;
  return {
    async all() {
      const rows = await views.rows();
      const ids = await store.db.selectFrom("runs").select("id").where("ended_at", "is", null).execute();
      const values: TopicValues<"fleet"> = new Map();
      for (const row of rows) values.set(`host:${row.id}`, row);
      for (const summary of (await runs.summaries(ids.map(({ id }) => id))).values()) {
        if (unfinished(summary) !== undefined) values.set(`run:${summary.id}`, summary);
      }
      for (const source of sources.list()) values.set(`source:${source.id}`, source.view());
      return values.set("server", server());
    },
    async some(keys) {
      const values: TopicValues<"fleet"> = new Map();
      for (const key of keys) {
        const id = after(key);
        if (key === "server") values.set(key, server());
        else if (key.startsWith("source:")) values.set(`source:${id}`, sources.of(id as SourceId)?.view());
        else if (key.startsWith("host:")) values.set(`host:${id}`, views.peek(id as HostId) ?? undefined);
        else values.set(`run:${id}`, unfinished(await runs.summary(id as RunId)));
      }
      return values;
    },
    listen: (touch) =>
      listening((signal) => {
        bus.on("run.changed", ({ runId }) => touch(`run:${runId}`, "soon"), { owner, signal });
        bus.on("source.changed", ({ sourceId }) => touch(`source:${sourceId}`, "soon"), { owner, signal });
        bus.on("storage.changed", () => touch("server", "soon"), { owner, signal });
        return views.onChange((id, urgency) => touch(`host:${id}`, urgency));
      }),
  };
}

/** Touched when the pages beside the host itself may show something else: no key of the topic. */
const PAGES = "pages";

/** One host, what its last preview showed, its generations, and its newest runs. While somebody follows it, its agent measures more often. */
function hostSource(hostId: HostId, { store, bus, views, runs, links }: SourceDeps): TopicSource {
  const newest = async (): Promise<RunId[]> => {
    const rows = await store.db
      .selectFrom("runs")
      .select("id")
      .where("host_id", "=", hostId)
      .orderBy("id", "desc")
      .limit(NEWEST_RUNS)
      .execute();
    return rows.map(({ id }) => id);
  };
  let shown = new Set<RunId>();
  const states = new Map<RunId, RunState>();
  type Values = TopicValues<`host:${HostId}`>;
  const setPages = async (values: Values) => {
    values.set("changes", (await views.changes(hostId)) ?? undefined);
    values.set("generations", (await views.generations(hostId)) ?? undefined);
  };
  /** A run that only goes on changes neither of those pages, unless it is the preview that the one of them shows. */
  const concernsPages = ({ id, op, state }: RunSummary) => op === "preview" || states.get(id) !== state;
  const noteState = ({ id, state }: RunSummary) => {
    if (isTerminal(state)) states.delete(id);
    else states.set(id, state);
  };
  return {
    // It is large, and changes with every step of the host's run.
    interval: 250,
    async all() {
      const host = await views.view(hostId);
      if (host === null) return null;
      const values: Values = new Map();
      values.set("host", host);
      await setPages(values);
      const ids = await newest();
      const summaries = await runs.summaries(ids);
      for (const id of ids) values.set(`run:${id}`, summaries.get(id));
      shown = new Set(ids);
      return new Map([...values].filter(([, value]) => value !== undefined));
    },
    async some(keys) {
      const host = await views.view(hostId);
      if (host === null) return null;
      const values: Values = new Map();
      values.set("host", host);
      const touched = [...keys].filter((key) => key.startsWith("run:")).map((key) => after(key) as RunId);
      const listed = touched.some((id) => !shown.has(id)) ? new Set(await newest()) : shown;
      for (const id of shown) if (!listed.has(id)) values.set(`run:${id}`, undefined);
      const summaries = await runs.summaries(touched);
      let stale = keys.has(PAGES);
      for (const id of touched) {
        const summary = summaries.get(id);
        if (summary === undefined || concernsPages(summary)) stale = true;
        if (listed.has(id)) values.set(`run:${id}`, summary);
      }
      if (stale) await setPages(values);
      // Only now: of a reading that fails nothing was given out, so it counts as not done.
      shown = listed;
      for (const summary of summaries.values()) noteState(summary);
      return values;
    },
    listen: (touch) =>
      listening((signal) => {
        const unwatch = links.watch(hostId);
        bus.on("run.changed", (event) => void (event.hostId === hostId && touch(`run:${event.runId}`, "soon")), {
          owner,
          signal,
        });
        bus.on("host.changed", (event) => void (event.hostId === hostId && touch(PAGES, "soon")), { owner, signal });
        bus.on("presence.changed", (event) => void (event.hostId === hostId && touch(PAGES, "soon")), { owner, signal });
        bus.on("source.changed", ({ sourceId }) => void (views.peek(hostId)?.sourceId === sourceId && touch(PAGES, "soon")), {
          owner,
          signal,
        });
        const unsubscribe = views.onChange((id, urgency) => void (id === hostId && touch("host", urgency)));
        return () => {
          unsubscribe();
          unwatch();
        };
      }),
  };
}

/** One run, its log apart. */
function runSource(runId: RunId, { bus, runs }: SourceDeps): TopicSource {
  const read = async () => {
    const view = await runs.view(runId);
    if (view === null) return null;
    const values: TopicValues<`run:${RunId}`> = new Map();
    return values.set("run", view);
  };
  return {
    all: read,
    some: read,
    listen: (touch) =>
      listening((signal) => {
        bus.on("run.changed", (event) => void (event.runId === runId && touch("run", "soon")), { owner, signal });
        bus.on("run.logged", (event) => void (event.runId === runId && touch("run", "later")), { owner, signal });
        // What a run is called and offers also depends on its host. Hosts are removed so rarely that every open run is read again.
        bus.on("host.removed", () => touch("run", "soon"), { owner, signal });
        return undefined;
      }),
  };
}

/** The newest entries of the audit trail. */
function activitySource({ bus, audit }: SourceDeps): TopicSource {
  let shown = new Set<number>();
  /** An entry never changes: only those that were not shown are given, and those that they pushed out are taken away. */
  const read = async (before: ReadonlySet<number>) => {
    const { items } = await audit.list({}, NEWEST_ENTRIES, null);
    shown = new Set(items.map(({ seq }) => seq));
    const values: TopicValues<"activity"> = new Map();
    for (const entry of items) if (!before.has(entry.seq)) values.set(`entry:${entry.seq}`, entry);
    for (const seq of before) if (!shown.has(seq)) values.set(`entry:${seq}`, undefined);
    return values;
  };
  return {
    all: () => read(new Set()),
    some: () => read(shown),
    listen: (touch) =>
      listening((signal) => {
        bus.on("audit.added", () => touch("entries", "soon"), { owner, signal });
        return undefined;
      }),
  };
}
