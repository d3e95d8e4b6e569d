import type { OpName } from "@nixfleet/protocol";
import { create } from "zustand";

/**
 * Clicks whose truth has not come yet: by host, the op that was asked for. The button shows it at once; it is put away when the
 * server has answered and its answer had time to arrive over the live link.
 */
const useStore = create<{ sent: ReadonlyMap<string, OpName> }>(() => ({ sent: new Map() }));

/** The time that a change takes from the server's answer to the page, with room to spare. */
const SETTLE = 1_000;

export function markPending(hosts: readonly string[], op: OpName): void {
  useStore.setState(({ sent }) => ({ sent: new Map([...sent, ...hosts.map((host) => [host, op] as const)]) }));
}

/** The server has answered. Where a run began, the button waits for the row to say so. */
export function settlePending(hosts: readonly string[], began: boolean): void {
  const clear = () => useStore.setState(({ sent }) => ({ sent: new Map([...sent].filter(([host]) => !hosts.includes(host))) }));
  if (began) setTimeout(clear, SETTLE);
  else clear();
}

export function usePendingOp(host: string): OpName | undefined {
  return useStore(({ sent }) => sent.get(host));
}
