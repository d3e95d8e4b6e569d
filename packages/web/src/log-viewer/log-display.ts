import { useSyncExternalStore } from "react";

/** How the reader of this browser wants logs to be drawn. */
export interface LogDisplay {
  readonly wrap: boolean;
  readonly times: boolean;
  /** As high as the window. */
  readonly tall: boolean;
}

const KEY = "nixfleet.log";
const listeners = new Set<() => void>();
let display: LogDisplay | undefined;

function read(): LogDisplay {
  display ??= { wrap: matchMedia("(width < 500px)").matches, times: true, tall: false, ...stored() };
  return display;
}

function stored(): Partial<LogDisplay> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const { wrap, times, tall } = stored as Partial<Record<keyof LogDisplay, unknown>>;
    return {
      ...(typeof wrap === "boolean" && { wrap }),
      ...(typeof times === "boolean" && { times }),
      ...(typeof tall === "boolean" && { tall }),
    };
  } catch {
    // Nothing can be stored by this browser, or what it stored is not ours: the usual display holds.
    return {};
  }
}

/** Changes the display of every log, now and on the next visit. */
export function setLogDisplay(change: Partial<LogDisplay>): void {
  display = { ...read(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(display));
  } catch {
    // It holds for this visit.
  }
  for (const listener of listeners) listener();
}

export function useLogDisplay(): LogDisplay {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, read);
}
