/** What `nixfleet-agent check` found out about one thing (R36). */
export type Finding =
  | { name: string; state: "ok"; detail: string }
  | { name: string; state: "failed"; detail: string; fix: string }
  /** Could not be looked at, since something before it failed. */
  | { name: string; state: "unknown"; detail: string };

export function holds(name: string, detail: string): Finding {
  return { name, state: "ok", detail };
}

export function fails(name: string, detail: string, fix: string): Finding {
  return { name, state: "failed", detail, fix };
}

export function unknown(name: string, detail: string): Finding {
  return { name, state: "unknown", detail };
}
