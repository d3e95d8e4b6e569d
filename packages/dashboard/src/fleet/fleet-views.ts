import type { ChangesView, GenerationView, HostId, HostRow, HostView } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import type { Hosts, Presence } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import type { RunLogs, RunViews } from "../runs/index.ts";
import type { SourcesReader } from "../sources/index.ts";
import type { Store } from "../store/index.ts";

export interface FleetViewsDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  hosts: Pick<Hosts, "list" | "get" | "token">;
  sources: SourcesReader;
  presence: Pick<Presence, "of">;
  runs: Pick<RunViews, "summary" | "summaries">;
  logs: Pick<RunLogs, "read">;
}

/** How soon a change must be visible: `soon` for events, `later` for measurements and counts that keep changing. */
export type Urgency = "soon" | "later";

/** Hosts as pages show them, kept up to date by events so that reading is cheap. */
export interface FleetViews extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Sorted by name. Includes every change published before the call. */
  rows(): Promise<HostRow[]>;
  row(id: HostId): Promise<HostRow | null>;
  view(id: HostId): Promise<HostView | null>;
  /** Null: there is no such host. */
  changes(id: HostId): Promise<ChangesView | null>;
  generations(id: HostId): Promise<GenerationView[] | null>;
  /** The current row; null: there is no such host, or it has not been read yet. */
  peek(id: HostId): HostRow | null;
  readonly ids: Iterable<HostId>;
  /**
   * Calls the listener after a host was added, changed or removed. An unchanged row is the same object.
   */
  onChange(listener: (id: HostId, urgency: Urgency) => void): () => void;
}
