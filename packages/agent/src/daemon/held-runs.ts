import { type FromAgentOf, type HeldRequest, type HeldRun, MAX_HELD_RUNS, type RunId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Shipper } from "../ship/shipper.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";
import type { SpoolReader } from "../spool/event-reader.ts";
import type { RequestRecord, RunRequest } from "../spool/shapes.ts";

/** Runs that the dashboard has stored whole are listed for so long, in milliseconds: its database may be put back from a backup… */
const LISTED_FOR = 7 * 24 * 60 * 60_000;
/** …and at most so many of them. */
const MOST_STORED = 200;
/** Characters of outcomes in one list: it must fit into a frame, whatever the hosts' tools said. */
const MOST_OUTCOME_TEXT = 256 * 1024;
/** Descriptions of finished runs, which change no more, that are kept in memory. */
const MOST_REMEMBERED = 2 * MOST_STORED;

export interface HeldRunsDeps {
  files: Pick<DaemonFiles, "queued" | "readRequest">;
  spool: Pick<SpoolReader, "runs" | "outcome" | "request" | "lastSeq" | "writers">;
  shipper: Pick<Shipper, "pending">;
  clock: Clock;
}

type Report = NonNullable<FromAgentOf<"runReport">["held"]>;

/** The runs that this host holds: those that wait, are active, are not stored whole, or ended a short while ago. A person's own are not listed. */
export interface HeldRuns {
  list(): Promise<HeldRun[]>;
  /** All about one run, with its request; null: the host has nothing of it. */
  report(runId: RunId): Promise<Report | null>;
}

export function createHeldRuns({ files, spool, shipper, clock }: HeldRunsDeps): HeldRuns {
  const remembered = new Map<RunId, HeldRun | "by-hand">();

  async function describe(runId: RunId): Promise<HeldRun | "by-hand"> {
    const known = remembered.get(runId);
    if (known !== undefined) return known;
    const [request, outcome, writers] = await Promise.all([spool.request(runId), spool.outcome(runId), spool.writers(runId)]);
    if (request.kind === "ok" && request.value.byHand === true) return "by-hand";
    switch (outcome.kind) {
      case "missing":
        return { runId, state: "active", lastSeq: await spool.lastSeq(runId), writers };
      case "refused":
        // How it ended is lost. No more will come.
        return { runId, state: "finished", lastSeq: await spool.lastSeq(runId), writers };
      case "ok": {
        const { lastSeq, endedAt, outcome: ended } = outcome.value;
        const run = { runId, state: "finished", lastSeq, writers, outcome: ended, endedAt } as const;
        const [oldest] = remembered.keys();
        if (remembered.size >= MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
        remembered.set(runId, run);
        return run;
      }
    }
  }

  const describeAll = async (runs: readonly RunId[]) =>
    (await Promise.all(runs.map(describe))).filter((run) => run !== "by-hand");

  const isRecent = ({ state, endedAt }: HeldRun) =>
    state === "finished" && endedAt !== undefined && Math.abs(clock.now() - endedAt) < LISTED_FOR;

  return {
    async list() {
      const waiting = (await files.queued()).map((runId): HeldRun => ({ runId, state: "queued", lastSeq: 0 }));
      const unstored = await describeAll(shipper.pending());
      const newest = (await spool.runs()).toReversed().slice(0, MOST_STORED);
      const recent = (await describeAll(newest)).filter(isRecent);
      // What is not finished must be in the list: the dashboard asks about what it misses there.
      const order = [...unstored.filter(({ state }) => state !== "finished"), ...waiting, ...unstored, ...recent];
      const runs = new Map<RunId, HeldRun>();
      for (const run of order) if (runs.size < MAX_HELD_RUNS && !runs.has(run.runId)) runs.set(run.runId, run);
      let room = MOST_OUTCOME_TEXT;
      return [...runs.values()].map((run) => {
        room -= JSON.stringify(run.outcome ?? null).length;
        if (room >= 0) return run;
        const { outcome: _, ...rest } = run;
        return rest;
      });
    },

    async report(runId) {
      if ((await files.queued()).includes(runId)) {
        const request = await files.readRequest(runId);
        if (request.kind === "ok") return { state: "queued", lastSeq: 0, request: heldRequest(request.value) };
      }
      const request = await spool.request(runId);
      if (request.kind === "missing") return null;
      const run = await describe(runId);
      if (run === "by-hand") return null;
      const { runId: _, ...held } = run;
      return request.kind === "ok" ? { ...held, request: heldRequest(request.value) } : held;
    },
  };
}

function heldRequest({
  op,
  args,
  commit,
  deadline,
  askedBy,
  force,
  receivedAt,
  confirmSecret,
}: RunRequest | RequestRecord): HeldRequest {
  const request = { op, args, commit, deadline, askedBy, force, receivedAt };
  return confirmSecret === undefined ? request : { ...request, confirmSecret };
}
