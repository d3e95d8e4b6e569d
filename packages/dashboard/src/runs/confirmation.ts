import { createHash, timingSafeEqual } from "node:crypto";
import { type HostId, isTerminal, RunId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Store } from "../store/index.ts";

/** How long the host's agent may take to answer the ping, in milliseconds. */
export const PING_TIMEOUT = 3000;
/** Of one run so many questions are answered at a time: a runner asks one after the other. */
const MAX_PINGS_PER_RUN = 4;

export type Confirmation =
  | { kind: "confirmed" }
  /** Whoever asks does not know the secret of a run that is at work. Whether there is such a run is not told. */
  | { kind: "secret-wrong" }
  | { kind: "not-confirmed"; reason: string }
  /** The run asks more often than it is answered. */
  | { kind: "too-many" };

/** Whether what a run has activated can still be reached (L22). */
export interface Confirmations {
  /**
   * Confirms if the run is at work and its host's link answers a ping now. It changes nothing, and may be asked as often as one
   * likes; the host alone decides what follows.
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

  /** Null: too many ask for this run already. Counts only who has its secret, so that nobody else can use up what it may ask. */
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
    // Compared also where there is nothing to compare with: how long it takes tells nothing of what is there.
    const before = await read(runId);
    if (!isSecret(secret, before?.confirm_secret ?? null) || before === undefined) return { kind: "secret-wrong" };
    if (before.cancel_requested_at !== null) return notConfirmed("The run is being cancelled.");
    const hostId = before.host_id;
    if (hostId === null) return notConfirmed("It is no run of a host.");
    if (!presence.isConnected(hostId)) return notConfirmed("The host's agent is not connected.");
    const isReachable = await pingForRun(runId, hostId);
    if (isReachable === null) return { kind: "too-many" };
    if (!isReachable) return notConfirmed("The host's agent is connected, but does not answer.");
    // It may have ended, or be cancelled, while the host was asked.
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
