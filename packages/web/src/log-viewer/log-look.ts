import { useSyncExternalStore } from "react";

/** How the reader of this browser wants logs to be drawn. */
export interface LogLook {
  readonly wrap: boolean;
  readonly times: boolean;
  /** As high as the window. */
  readonly tall: boolean;
}

const KEY = "nixfleet.log";
const listeners = new Set<() => void>();
let look: LogLook | undefined;

function read(): LogLook {
  look ??= { wrap: matchMedia("(width < 500px)").matches, times: true, tall: false, ...stored() };
  return look;
}

function stored(): Partial<LogLook> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const { wrap, times, tall } = kept as Partial<Record<keyof LogLook, unknown>>;
    return {
      ...(typeof wrap === "boolean" && { wrap }),
      ...(typeof times === "boolean" && { times }),
      ...(typeof tall === "boolean" && { tall }),
    };
  } catch {
    // Nothing can be kept by this browser, or what it kept is not ours: the usual look holds.
    return {};
  }
}

/** Changes the look of every log, now and on the next visit. */
export function setLogLook(change: Partial<LogLook>): void {
  look = { ...read(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(look));
  } catch {
    // It holds for this visit.
  }
  for (const listener of listeners) listener();
}

export function useLogLook(): LogLook {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, read);
}
