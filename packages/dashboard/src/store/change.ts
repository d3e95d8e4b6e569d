import type { FromDashboard, HostId } from "@nixfleet/protocol";
import type { Transaction } from "kysely";
import type { StoredEventName, StoredEvents } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { type AuditFact, appendAuditEntry } from "./audit-chain.ts";
import type { Database } from "./schema.ts";

/**
 * One unit of work (R73): its writes and their effects. Effects are held until the transaction is stored durably, then released in the
 * order of the calls; if the transaction is undone, they are dropped.
 */
export interface Change {
  /** The transaction that this change writes in. */
  readonly db: Transaction<Database>;
  /** Publishes an event. */
  emit<N extends StoredEventName>(name: N, payload: StoredEvents[N]): void;
  /** Sends a message over the host's link; dropped if the host is not connected by then. */
  send(hostId: HostId, message: FromDashboard): void;
  /** Adds an entry to the audit trail, in the same transaction. */
  audit(fact: AuditFact): void;
  /** Calls a function once the change is stored, for effects that are neither events nor messages to hosts. */
  afterCommit(effect: () => void): void;
}

/** Where effects go when they are released. */
export interface EffectSinks {
  publish<N extends StoredEventName>(name: N, payload: StoredEvents[N]): void;
  send(hostId: HostId, message: FromDashboard): void;
  readonly log: Logger;
  now(): number;
}

/** A change in progress. */
export interface OpenChange {
  readonly change: Change;
  /** Call when the work is done, before the commit: writes the audit entries. */
  seal(): Promise<void>;
  /** Call once, after the commit. An effect that throws is logged and does not stop the others. */
  release(): void;
}

export function openChange(db: Transaction<Database>, sinks: EffectSinks): OpenChange {
  const effects: (() => void)[] = [];
  const facts: { fact: AuditFact; at: number; place: number }[] = [];
  let sealed = false;

  const add = (effect: () => void): number => {
    if (sealed) throw new Error("The change is over: add its effects before its work ends");
    return effects.push(effect) - 1;
  };

  return {
    change: {
      db,
      emit: (name, payload) => void add(() => sinks.publish(name, payload)),
      send: (hostId, message) => void add(() => sinks.send(hostId, message)),
      afterCommit: (effect) => void add(effect),
      audit(fact) {
        facts.push({ fact, at: sinks.now(), place: add(() => {}) });
      },
    },

    async seal() {
      sealed = true;
      for (const { fact, at, place } of facts) {
        const { seq, hash } = await appendAuditEntry(db, fact, at);
        effects[place] = () => {
          const { actor, action, from = null, outcome } = fact;
          // Rewriting the whole chain in the database does not change the program's log.
          sinks.log.info({ seq, who: actor.name, action, from, outcome, hash }, "Audit");
          sinks.publish("audit.added", { seq });
        };
      }
    },

    release() {
      for (const effect of effects) {
        try {
          effect();
        } catch (error) {
          sinks.log.error({ err: error }, "An effect of a stored change failed");
        }
      }
    },
  };
}
