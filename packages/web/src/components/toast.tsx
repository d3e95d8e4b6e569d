import type { Status } from "@nixfleet/protocol";
import { create } from "zustand";

/** Something that has just happened, and what follows from it. */
export interface ToastNote {
  readonly status: Status;
  readonly fact: string;
  readonly follows?: string;
  readonly action?: { readonly label: string; readonly press: () => void };
}

/** What was said and is not drawn yet: `ToastLayer` takes it from here as soon as it is loaded. */
export const useToastQueue = create<{
  waiting: readonly ToastNote[];
  /** Something was ever said, so there is something to draw. */
  said: boolean;
}>(() => ({ waiting: [], said: false }));

/**
 * Says in the corner what has just happened, for 6 s; what is broken or refused stays until it is put away. An error that needs an act belongs into
 * the page, not here.
 */
export function notify(note: ToastNote): void {
  useToastQueue.setState(({ waiting }) => ({ waiting: [...waiting, note], said: true }));
}
