import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "nixfleet.theme";
const listeners = new Set<() => void>();

function stored(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : "system";
  } catch {
    // The browser stores nothing for this page: use the system's theme.
    return "system";
  }
}

/** Draws the page in the theme that the person chose on this browser, else in the system's. */
export function applyTheme(): void {
  const theme = stored();
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function setTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Nothing can be stored, and the choice would be lost with the page: leave the theme as it is.
    return;
  }
  applyTheme();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, stored);
}
