import type { FactsReading } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { FactKeeper } from "../facts/fact-keeper.ts";
import type { Background } from "./background.ts";

/** All facts are read again at least this often, in milliseconds: some depend on nothing that can be looked at cheaply. */
const FULL_READING_INTERVAL = 15 * 60_000;
/** Milliseconds to wait for related changes (several runs that end, a burst of files), so that facts are read once for all of them. */
const GATHER_DELAY = 100;

export interface FactReportsDeps {
  facts: FactKeeper;
  /** A text that changes when facts may have changed. */
  fingerprint: () => Promise<string>;
  background: Background;
  clock: Clock;
  /** False: the link was not up, and the dashboard did not get it. */
  send: (reading: FactsReading) => boolean;
}

/** Decides when facts are read again, and tells the dashboard what changed. */
export interface FactReports {
  /** Reads the facts that the first hello will carry, while the link is being dialled. */
  begin(): void;
  /** Remembers what facts depend on: from here on, `check` reports what differs from now. */
  takeFingerprint(): Promise<void>;
  /** Before a hello: all facts are read, and not longer ago than this link is old. */
  freshen(): Promise<void>;
  /** All facts as last read, for a hello; they count as told. */
  all(): FactsReading;
  onUp(): void;
  /** Reads the facts again and reports what changed. Calls that come while one waits for its turn are one. */
  tell(): void;
  /** Reports facts if what they depend on has changed, or if they are due. True: they were due. */
  check(): Promise<boolean>;
}

export function createFactReports({ facts, fingerprint, background, clock, send }: FactReportsDeps): FactReports {
  let first: Promise<unknown> | undefined;
  let missed = false;
  let seenFingerprint = "";
  let fullReadingAt = clock.now();
  let isQueued = false;

  const reports = background.every(
    "facts",
    () => (isQueued ? GATHER_DELAY : Number.POSITIVE_INFINITY),
    async () => {
      isQueued = false;
      const reading = await facts.refresh();
      if (reading !== undefined && !send(reading)) missed = true;
    },
  );
  const tell = () => {
    if (isQueued) return;
    isQueued = true;
    reports.reschedule();
  };

  return {
    begin() {
      first = facts.refresh();
    },
    async takeFingerprint() {
      seenFingerprint = await fingerprint();
    },
    async freshen() {
      // Those of the start are being read already; after a lost link they are read again, so that their time is true.
      await (first ?? facts.refresh());
      first = undefined;
    },
    all: () => facts.all(),
    onUp() {
      if (missed) send(facts.all());
      missed = false;
    },
    tell,
    async check() {
      const print = await fingerprint();
      const isDue = clock.now() - fullReadingAt >= FULL_READING_INTERVAL;
      if (print !== seenFingerprint || isDue) {
        seenFingerprint = print;
        fullReadingAt = clock.now();
        tell();
      }
      return isDue;
    },
  };
}
