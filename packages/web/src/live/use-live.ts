import type {
  AuditEntry,
  ChangesView,
  GenerationView,
  HostRow,
  HostView,
  RunSummary,
  RunView,
  ServerInfo,
  TargetView,
  Topic,
} from "@nixfleet/protocol";
import { createContext, useCallback, useContext, useRef, useSyncExternalStore } from "react";
import { type KeptList, keepList, sameButMeasured } from "./kept-list.ts";
import type { LinkState, LiveClient } from "./live-client.ts";

export const LiveContext = createContext<LiveClient | null>(null);

function useLiveClient(): LiveClient {
  const client = useContext(LiveContext);
  if (client === null) throw new Error("This part of the page needs the live link, which exists after signing in.");
  return client;
}

export function useLink(): LinkState {
  const client = useLiveClient();
  return useSyncExternalStore(client.onLink, client.link);
}

export function useRetryLink(): () => void {
  return useLiveClient().retry;
}

type Values = ReadonlyMap<string, unknown>;

/**
 * Something derived from a topic, drawn anew only when it changes.
 * @param select pure; what it gives is compared by identity, so it picks rather than builds
 * @returns undefined until the first snapshot, "gone" when the server has no such host or run
 */
export function useTopic<T>(topic: Topic, select: (values: Values) => T): T | "gone" | undefined {
  const client = useLiveClient();
  const follow = useCallback((listener: () => void) => client.follow(topic, listener), [client, topic]);
  return useSyncExternalStore(follow, () => {
    const state = client.topic(topic);
    return state === undefined || state === "gone" ? state : select(state.values);
  });
}

/** The values of the keys that begin with `prefix`, in a list that stays the same while all of them stay the `same`. */
function useList<T>(
  topic: Topic,
  prefix: string,
  same: (older: T, newer: T) => boolean = Object.is,
): readonly T[] | "gone" | undefined {
  const kept = useRef<{ same: typeof same; list: KeptList<T> } | null>(null);
  return useTopic(topic, (values) => {
    const list = keepList(kept.current?.same === same ? kept.current.list : null, values, prefix, same);
    kept.current = { same, list };
    return list.list;
  });
}

/**
 * All hosts' rows, in no order that means anything; undefined while the page waits. What was measured of a host is up to date in them
 * only if it is `measured`; else they hold still while hosts merely report their load, which `useMeasured` gives for one.
 */
export function useHostRows({ measured = false } = {}): readonly HostRow[] | undefined {
  const rows = useList<HostRow>("fleet", "host:", measured ? Object.is : sameButMeasured);
  return rows === "gone" ? undefined : rows;
}

/** A host's row with the load, memory and disk that it reported last. */
export function useMeasured(row: HostRow): HostRow {
  const newest = useTopic("fleet", (values) => values.get(`host:${row.id}`) as HostRow | undefined);
  return newest === "gone" || newest === undefined ? row : newest;
}

/** Active and waiting runs of the whole fleet. */
export function useFleetRuns(): readonly RunSummary[] | undefined {
  const runs = useList<RunSummary>("fleet", "run:");
  return runs === "gone" ? undefined : runs;
}

export function useTarget(): TargetView | undefined {
  const target = useTopic("fleet", (values) => values.get("target") as TargetView | undefined);
  return target === "gone" ? undefined : target;
}

export function useServerInfo(): ServerInfo | undefined {
  const server = useTopic("fleet", (values) => values.get("server") as ServerInfo | undefined);
  return server === "gone" ? undefined : server;
}

export function useHost(id: string): HostView | "gone" | undefined {
  return useTopic(`host:${id}`, (values) => values.get("host") as HostView | undefined);
}

/** What the last preview of a host showed. */
export function useHostChanges(id: string): ChangesView | undefined {
  const changes = useTopic(`host:${id}`, (values) => values.get("changes") as ChangesView | undefined);
  return changes === "gone" ? undefined : changes;
}

/** A host's generations, newest first. */
export function useHostGenerations(id: string): readonly GenerationView[] | undefined {
  const generations = useTopic(`host:${id}`, (values) => values.get("generations") as readonly GenerationView[] | undefined);
  return generations === "gone" ? undefined : generations;
}

/** A host's newest runs. */
export function useHostRuns(id: string): readonly RunSummary[] | "gone" | undefined {
  return useList<RunSummary>(`host:${id}`, "run:");
}

export function useRun(id: string): RunView | "gone" | undefined {
  return useTopic(`run:${id}`, (values) => values.get("run") as RunView | undefined);
}

/** The newest entries of the audit trail, in no order that means anything. */
export function useActivity(): readonly AuditEntry[] | undefined {
  const entries = useList<AuditEntry>("activity", "entry:");
  return entries === "gone" ? undefined : entries;
}
