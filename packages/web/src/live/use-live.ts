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
  TopicKeyHead,
  TopicValue,
} from "@nixfleet/protocol";
import { createContext, useCallback, useContext, useRef, useSyncExternalStore } from "react";
import type { LinkState, LiveClient } from "./live-client.ts";
import { type StableList, sameButMeasured, updateStableList } from "./stable-list.ts";
import { targetOf } from "./target-of.ts";
import { type TopicState, topicValue } from "./topic-state.ts";

export const LiveContext = createContext<LiveClient | null>(null);

function useLiveClient(): LiveClient {
  const client = useContext(LiveContext);
  if (client === null) throw new Error("The live link exists only below the signed-in frame.");
  return client;
}

export function useLink(): LinkState {
  const client = useLiveClient();
  return useSyncExternalStore(client.onLink, client.link);
}

export function useRetryLink(): () => void {
  return useLiveClient().retry;
}

/**
 * Something derived from a topic, drawn again only when it changes.
 * @param select pure; what it gives is compared by identity, so it picks rather than builds
 * @returns undefined until the first snapshot, "gone" when the server has no such host or run
 */
export function useTopic<T extends Topic, Selected>(
  topic: T,
  select: (state: TopicState<T>) => Selected,
): Selected | "gone" | undefined {
  const client = useLiveClient();
  const follow = useCallback((listener: () => void) => client.follow(topic, listener), [client, topic]);
  return useSyncExternalStore(follow, () => {
    const state = client.topic(topic);
    return state === undefined || state === "gone" ? state : select(state);
  });
}

/** The values of the keys `<head>:<id>`, in a list that stays the same while all of them stay the `same`. */
function useList<T extends Topic, Head extends TopicKeyHead<T>>(
  topic: T,
  head: Head,
  same: (older: TopicValue<T, Head>, newer: TopicValue<T, Head>) => boolean = Object.is,
): readonly TopicValue<T, Head>[] | "gone" | undefined {
  const previous = useRef<{ same: typeof same; list: StableList<TopicValue<T, Head>> } | null>(null);
  return useTopic(topic, (state) => {
    const list = updateStableList(previous.current?.same === same ? previous.current.list : null, state, head, same);
    previous.current = { same, list };
    return list.list;
  });
}

/**
 * All hosts' rows, in no order that means anything; undefined while the page waits. What was measured of a host is up to date in them
 * only if it is `measured`; else they hold still while hosts merely report their load, which `useMeasured` gives for one.
 */
export function useHostRows({ measured = false } = {}): readonly HostRow[] | undefined {
  const rows = useList("fleet", "host", measured ? Object.is : sameButMeasured);
  return rows === "gone" ? undefined : rows;
}

/** A host's row with the load, memory and disk that it reported last. */
export function useMeasured(row: HostRow): HostRow {
  const newest = useTopic("fleet", (state) => topicValue(state, `host:${row.id}`));
  return newest === "gone" || newest === undefined ? row : newest;
}

/** Active and waiting runs of the whole fleet. */
export function useFleetRuns(): readonly RunSummary[] | undefined {
  const runs = useList("fleet", "run");
  return runs === "gone" ? undefined : runs;
}

export function useTarget(): TargetView | undefined {
  const target = useTopic("fleet", targetOf);
  return target === "gone" ? undefined : target;
}

export function useServerInfo(): ServerInfo | undefined {
  const server = useTopic("fleet", (state) => topicValue(state, "server"));
  return server === "gone" ? undefined : server;
}

export function useHost(id: string): HostView | "gone" | undefined {
  return useTopic(`host:${id}`, (state) => topicValue(state, "host"));
}

/** The result of the last preview of a host. */
export function useHostChanges(id: string): ChangesView | undefined {
  const changes = useTopic(`host:${id}`, (state) => topicValue(state, "changes"));
  return changes === "gone" ? undefined : changes;
}

/** A host's generations, newest first. */
export function useHostGenerations(id: string): readonly GenerationView[] | undefined {
  const generations = useTopic(`host:${id}`, (state) => topicValue(state, "generations"));
  return generations === "gone" ? undefined : generations;
}

/** A host's newest runs. */
export function useHostRuns(id: string): readonly RunSummary[] | "gone" | undefined {
  return useList(`host:${id}`, "run");
}

export function useRun(id: string): RunView | "gone" | undefined {
  return useTopic(`run:${id}`, (state) => topicValue(state, "run"));
}

/** The newest entries of the audit trail, in no order that means anything. */
export function useActivity(): readonly AuditEntry[] | undefined {
  const entries = useList("activity", "entry");
  return entries === "gone" ? undefined : entries;
}
