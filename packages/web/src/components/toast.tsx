import type { Status } from "@nixfleet/protocol";
import { create } from "zustand";

/** Something that has just happened, and what follows from it. */
export interface ToastMessage {
  readonly status: Status;
  readonly title: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; readonly press: () => void };
}

/** What was said and is not drawn yet: `ToastLayer` takes it from here as soon as it is loaded. */
export const useToastQueue = create<{
  waiting: readonly ToastMessage[];
  /** Whether there ever was a toast: before, nothing needs to draw them. */
  used: boolean;
}>(() => ({ waiting: [], used: false }));

/**
 * Says in the corner what has just happened, for 6 s; what is broken or refused stays until it is put away. An error that needs an act belongs into
 * the page, not here.
 */
export function notify(message: ToastMessage): void {
  useToastQueue.setState(({ waiting }) => ({ waiting: [...waiting, message], used: true }));
}
