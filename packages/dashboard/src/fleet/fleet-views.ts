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

/** How soon a change is to be seen: `soon` for what has happened, `later` for a measurement or a count that goes on changing. */
export type Urgency = "soon" | "later";

/** What pages show of hosts: kept up to date by what the bus says, so that asking costs nothing. */
export interface FleetViews extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** By name. Holds every change that was said before the call. */
  rows(): Promise<HostRow[]>;
  row(id: HostId): Promise<HostRow | null>;
  view(id: HostId): Promise<HostView | null>;
  /** What its last preview showed; null: there is no such host. */
  changes(id: HostId): Promise<ChangesView | null>;
  generations(id: HostId): Promise<GenerationView[] | null>;
  /** The row as it is now; null: there is no such host, or it was not read yet. */
  peek(id: HostId): HostRow | null;
  readonly ids: Iterable<HostId>;
  /**
   * Calls the listener after something of a host came, changed or went. A row that is the same as before is the same object.
   */
  onChange(listener: (id: HostId, urgency: Urgency) => void): () => void;
}
