import { FACT_NAMES, type FactName, Facts, type FactsReading } from "@nixfleet/protocol";
import { type Clock, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";

/** Reads some facts. What it cannot read it leaves out; if it throws, all of its facts are left out. */
export type FactReader = () => Promise<Partial<Facts>>;

export interface FactKeeper {
  /**
   * Reads all facts anew and returns those that changed since they were last taken, if any did. A call while one is under
   * way starts another one after it, so that what it returns was read after it was called.
   */
  refresh(): Promise<FactsReading | undefined>;
  /** All facts as last read, for a hello; they count as taken. */
  all(): FactsReading;
  /** All facts as last read. */
  current(): Partial<Facts>;
}

export interface FactKeeperDeps {
  readers: Readonly<Record<string, FactReader>>;
  clock: Clock;
  log: Log;
  /** Milliseconds that a reader may take (a disk or a program that hangs must not keep the agent from its link). */
  limit?: number;
}

/** Keeps the facts that were read last, and tells what changed. A fact that cannot be read now is absent, never wiped at the dashboard (R20, R24). */
export function createFactKeeper({ readers, clock, log, limit = 5000 }: FactKeeperDeps): FactKeeper {
  let facts: Partial<Facts> = {};
  let readAt = clock.now();
  const taken = new Map<FactName, string>();
  const failing = new Set<string>();
  let underWay: Promise<unknown> = Promise.resolve();

  const readOne = async (name: string, reader: FactReader): Promise<Partial<Facts>> => {
    const late = Promise.withResolvers<never>();
    const timer = clock.setTimeout(() => late.reject(new Error(`no answer within ${limit} ms`)), limit);
    try {
      const read = await Promise.race([reader(), late.promise]);
      failing.delete(name);
      return read;
    } catch (error) {
      // Said once: what fails every minute would fill the journal.
      if (!failing.has(name)) log.warn("facts-unreadable", { reader: name, message: messageOf(error) });
      failing.add(name);
      return {};
    } finally {
      timer.cancel();
    }
  };

  /** A fact that does not fit the contract would cost the whole link: it is left out. */
  const fitting = (read: Partial<Facts>): Partial<Facts> => {
    const fit: Partial<Facts> = {};
    for (const name of FACT_NAMES) {
      if (read[name] === undefined) continue;
      const parsed = Facts.shape[name].safeParse(read[name]);
      if (parsed.success) Object.assign(fit, { [name]: parsed.data });
      else if (!failing.has(name)) log.warn("fact-misshapen", { fact: name, message: parsed.error.issues[0]?.message });
      if (parsed.success) failing.delete(name);
      else failing.add(name);
    }
    return fit;
  };

  const read = async () => {
    const at = clock.now();
    const parts = await Promise.all(Object.entries(readers).map(([name, reader]) => readOne(name, reader)));
    facts = fitting(Object.assign({}, ...parts));
    readAt = at;
    return takeChanged();
  };

  const takeChanged = (): FactsReading | undefined => {
    const changed: Partial<Facts> = {};
    for (const name of FACT_NAMES) {
      const value = facts[name];
      if (value === undefined) continue;
      const text = JSON.stringify(value);
      if (taken.get(name) === text) continue;
      taken.set(name, text);
      Object.assign(changed, { [name]: value });
    }
    return Object.keys(changed).length > 0 ? { readAt, facts: changed } : undefined;
  };

  return {
    refresh() {
      const next = underWay.then(read);
      underWay = next;
      return next;
    },
    current: () => facts,
    all() {
      // The dashboard takes a hello for the whole truth: what is not in it is to be told when it can be read again.
      taken.clear();
      takeChanged();
      return { readAt, facts };
    },
  };
}
