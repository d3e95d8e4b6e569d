import type { Status } from "@nixfleet/protocol";
import { create } from "zustand";

/** Something that has just happened, and what can be done about it. */
export interface ToastMessage {
  readonly status: Status;
  readonly title: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; readonly press: () => void };
}

/** Messages that are not drawn yet: `ToastLayer` takes them as soon as it is loaded. */
export const useToastQueue = create<{
  waiting: readonly ToastMessage[];
  /** Whether there ever was a toast: before, nothing needs to draw them. */
  used: boolean;
}>(() => ({ waiting: [], used: false }));

/**
 * Shows a message in the corner for 6 s; failures and refusals stay until they are closed. An error that belongs to a place on the
 * page is shown there instead.
 */
export function notify(message: ToastMessage): void {
  useToastQueue.setState(({ waiting }) => ({ waiting: [...waiting, message], used: true }));
}
