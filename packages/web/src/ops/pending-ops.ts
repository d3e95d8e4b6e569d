import type { OpName } from "@nixfleet/protocol";
import { create } from "zustand";

/**
 * Ops that were requested and have not shown up over the live link yet, by host. The button shows them at once; they are removed
 * when the server has answered and its change has had time to arrive over the live link.
 */
const useStore = create<{ sent: ReadonlyMap<string, OpName> }>(() => ({ sent: new Map() }));

/** The time that a change takes from the server's answer to the page, with room to spare. */
const SETTLE = 1_000;

export function markPending(hosts: readonly string[], op: OpName): void {
  useStore.setState(({ sent }) => ({ sent: new Map([...sent, ...hosts.map((host) => [host, op] as const)]) }));
}

/** The server has answered. If a run started, the button waits until the row shows it. */
export function settlePending(hosts: readonly string[], began: boolean): void {
  const clear = () => useStore.setState(({ sent }) => ({ sent: new Map([...sent].filter(([host]) => !hosts.includes(host))) }));
  if (began) setTimeout(clear, SETTLE);
  else clear();
}

export function usePendingOp(host: string): OpName | undefined {
  return useStore(({ sent }) => sent.get(host));
}
