import { createHash, timingSafeEqual } from "node:crypto";
import { type HostId, isTerminal, RunId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Store } from "../store/index.ts";

/** How long the host's agent may take to answer the ping, in milliseconds. */
export const PING_TIMEOUT = 3000;
/** Concurrent pings for one run: a runner asks one at a time. */
const MAX_PINGS_PER_RUN = 4;

export type Confirmation =
  | { kind: "confirmed" }
  /** The secret is not that of an active run. Does not reveal whether the run exists. */
  | { kind: "secret-wrong" }
  | { kind: "not-confirmed"; reason: string }
  /** The host's agent has no link, as after a restart of the dashboard. */
  | { kind: "not-linked" }
  /** Too many requests for this run at once. */
  | { kind: "too-many" };

/** Whether a host is still reachable after an activation (L22). */
export interface Confirmations {
  /**
   * Confirms if the run is active and its host's link answers a ping now. Changes nothing and can be repeated; the host alone
   * decides what to do.
   */
  confirm(runId: string, secret: string): Promise<Confirmation>;
}

export interface ConfirmationsDeps {
  store: Store;
  clock: Clock;
  presence: Pick<Presence, "answers" | "isConnected">;
}

export function createConfirmations({ store, clock, presence }: ConfirmationsDeps): Confirmations {
  const pending = new Map<string, number>();

  async function ping(hostId: HostId): Promise<boolean> {
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), PING_TIMEOUT);
    try {
      return await presence.answers(hostId, limit.signal);
    } finally {
      timer.cancel();
    }
  }

  /** Null: too many requests for this run. Only requests with its secret count, so nobody else can use up the limit. */
  async function pingForRun(runId: string, hostId: HostId): Promise<boolean | null> {
    const others = pending.get(runId) ?? 0;
    if (others >= MAX_PINGS_PER_RUN) return null;
    pending.set(runId, others + 1);
    try {
      return await ping(hostId);
    } finally {
      const left = (pending.get(runId) ?? 1) - 1;
      if (left > 0) pending.set(runId, left);
      else pending.delete(runId);
    }
  }

  const read = (runId: string) =>
    store.db
      .selectFrom("runs")
      .select(["host_id", "state", "confirm_secret", "cancel_requested_at"])
      .where("id", "=", runId as RunId)
      .executeTakeFirst();

  async function confirm(runId: string, secret: string): Promise<Confirmation> {
    if (!RunId.safeParse(runId).success) return { kind: "secret-wrong" };
    // Compare even without a stored secret, so that timing does not reveal whether the run exists.
    const before = await read(runId);
    if (!isSecret(secret, before?.confirm_secret ?? null) || before === undefined) return { kind: "secret-wrong" };
    if (before.cancel_requested_at !== null) return notConfirmed("The run is being cancelled.");
    const hostId = before.host_id;
    if (hostId === null) return notConfirmed("This is not a run of a host.");
    if (!presence.isConnected(hostId)) return { kind: "not-linked" };
    const isReachable = await pingForRun(runId, hostId);
    if (isReachable === null) return { kind: "too-many" };
    if (!isReachable) return notConfirmed("The host's agent is connected, but does not answer.");
    // It may have ended or been cancelled during the ping.
    const now = await read(runId);
    if (now === undefined || isTerminal(now.state)) return notConfirmed("The run has ended.");
    if (now.cancel_requested_at !== null) return notConfirmed("The run is being cancelled.");
    return { kind: "confirmed" };
  }

  return { confirm };
}

const notConfirmed = (reason: string): Confirmation => ({ kind: "not-confirmed", reason });

function isSecret(secret: string, expected: string | null): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(secret), digest(expected ?? "")) && expected !== null;
}
