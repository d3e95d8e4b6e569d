import { useSyncExternalStore } from "react";

/** How logs are displayed in this browser. */
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
  display ??= { wrap: matchMedia("(width < 500px)").matches, times: true, tall: false, ...readStored() };
  return display;
}

function readStored(): Partial<LogDisplay> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const { wrap, times, tall } = stored as Partial<Record<keyof LogDisplay, unknown>>;
    return {
      ...(typeof wrap === "boolean" && { wrap }),
      ...(typeof times === "boolean" && { times }),
      ...(typeof tall === "boolean" && { tall }),
    };
  } catch {
    // The browser stores nothing for this page, or the stored value is invalid: use the defaults.
    return {};
  }
}

/** Changes the display of every log, now and on later visits. */
export function setLogDisplay(change: Partial<LogDisplay>): void {
  display = { ...read(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(display));
  } catch {
    // Not stored: it applies to this visit only.
  }
  for (const listener of listeners) listener();
}

export function useLogDisplay(): LogDisplay {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, read);
}
