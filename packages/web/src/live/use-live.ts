import type { AuditEntry, HostRow, HostView, RunSummary, RunView, ServerInfo, TargetView, Topic } from "@nixfleet/protocol";
import { createContext, useCallback, useContext, useRef, useSyncExternalStore } from "react";
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

/** The values of the keys that begin with `prefix:`, in a list that stays the same while none of them changes. */
function useList(topic: Topic, prefix: string): readonly unknown[] | "gone" | undefined {
  const kept = useRef<{ values: Values; list: readonly unknown[] } | null>(null);
  return useTopic(topic, (values) => {
    const before = kept.current;
    if (before !== null && before.values === values) return before.list;
    const list: unknown[] = [];
    for (const [key, value] of values) if (key.startsWith(prefix)) list.push(value);
    const same =
      before !== null && before.list.length === list.length && list.every((value, index) => value === before.list[index]);
    kept.current = { values, list: same ? before.list : list };
    return kept.current.list;
  });
}

/** All hosts' rows, in no order that means anything; undefined while the page waits. */
export function useHostRows(): readonly HostRow[] | undefined {
  const rows = useList("fleet", "host:");
  return rows === "gone" ? undefined : (rows as readonly HostRow[] | undefined);
}

/** Active and waiting runs of the whole fleet. */
export function useFleetRuns(): readonly RunSummary[] | undefined {
  const runs = useList("fleet", "run:");
  return runs === "gone" ? undefined : (runs as readonly RunSummary[] | undefined);
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

/** A host's newest runs. */
export function useHostRuns(id: string): readonly RunSummary[] | "gone" | undefined {
  return useList(`host:${id}`, "run:") as readonly RunSummary[] | "gone" | undefined;
}

export function useRun(id: string): RunView | "gone" | undefined {
  return useTopic(`run:${id}`, (values) => values.get("run") as RunView | undefined);
}

/** The newest entries of the audit trail, in no order that means anything. */
export function useActivity(): readonly AuditEntry[] | undefined {
  const entries = useList("activity", "entry:");
  return entries === "gone" ? undefined : (entries as readonly AuditEntry[] | undefined);
}
