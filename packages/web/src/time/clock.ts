import { useSyncExternalStore } from "react";

/**
 * The pages' one clock: every relative time and running timer hangs on a single interval, which is paused while nothing on the
 * page needs it and while the tab is hidden.
 */
let offset = 0;
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** The server's time in milliseconds, as far as it is known; the browser's own before that. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Sets the server's time, so that ages are right on a machine whose clock is wrong. */
export function setServerTime(now: number): void {
  const next = now - Date.now();
  // Less than a second is the way of the message, not a wrong clock.
  offset = Math.abs(next) < 1_000 ? 0 : next;
}

function tick(): void {
  if (typeof document !== "undefined" && document.hidden) return;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    timer = setInterval(tick, 1_000);
    document.addEventListener("visibilitychange", tick);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
      document.removeEventListener("visibilitychange", tick);
    }
  };
}

/**
 * A text that depends on the time. The component is drawn again only when the text is another one, so a thousand ages that
 * read `6 d` cost nothing.
 */
export function useTimed<T extends string | number>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(serverNow()));
}
