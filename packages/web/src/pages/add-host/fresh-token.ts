import type { HostId } from "@nixfleet/protocol";
import { useSyncExternalStore } from "react";

/**
 * Tokens that the dashboard has just made and stores only as hashes. They stay in this tab until their host first connects, so that
 * reopening the page shows them again. They do not reach other tabs and are gone when this one closes.
 */
export interface FreshToken {
  readonly token: string;
  readonly name: string;
}

const PREFIX = "nixfleet.token.";
const listeners = new Set<() => void>();
/** A copy of the tab's storage, or its replacement if storage is not allowed. */
const memory = new Map<string, FreshToken>();
let loaded = false;

function all(): ReadonlyMap<string, FreshToken> {
  if (loaded) return memory;
  loaded = true;
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (!key.startsWith(PREFIX)) continue;
      const { token, name } = JSON.parse(sessionStorage.getItem(key) ?? "{}") as Partial<FreshToken>;
      if (typeof token === "string" && typeof name === "string") memory.set(key.slice(PREFIX.length), { token, name });
    }
  } catch {
    // The browser keeps nothing for this page: tokens stay for as long as it is open.
  }
  return memory;
}

export function keepFreshToken(host: HostId, fresh: FreshToken): void {
  all();
  memory.set(host, fresh);
  try {
    sessionStorage.setItem(`${PREFIX}${host}`, JSON.stringify(fresh));
  } catch {
    // It stays for as long as the page is open.
  }
  for (const listener of listeners) listener();
}

export function forgetFreshToken(host: HostId): void {
  if (!all().has(host)) return;
  memory.delete(host);
  try {
    sessionStorage.removeItem(`${PREFIX}${host}`);
  } catch {
    // It was never stored.
  }
  for (const listener of listeners) listener();
}

export function useFreshToken(host: string): FreshToken | undefined {
  return useSyncExternalStore(subscribe, () => all().get(host));
}

/** The host that was added last in this tab and has not connected yet. */
export function usePendingHost(): string | undefined {
  return useSyncExternalStore(subscribe, () => [...all().keys()].at(-1));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
