import { type FromAgentOf, PROTOCOL_VERSION, type RunId, type UnacknowledgedRun } from "@nixfleet/protocol";
import type { Shipper } from "../ship/shipper.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";
import type { SpoolReader } from "../spool/event-reader.ts";
import type { FactReports } from "./fact-reports.ts";

/** Runs that one hello can name (`hello` of the contract). */
const MOST_RUNS = 1000;

export interface HelloDeps {
  /** What is the same in every hello of this process. */
  self: Pick<FromAgentOf<"hello">, "hostname" | "instance" | "policy" | "settings">;
  facts: Pick<FactReports, "freshen" | "all">;
  scan: () => Promise<void>;
  files: Pick<DaemonFiles, "queued">;
  spool: Pick<SpoolReader, "outcome" | "lastSeq" | "isByHand">;
  shipper: Pick<Shipper, "pending">;
}

/** The first message of each link: who this is, what the host runs, and each run that the dashboard has not stored whole. */
export function createHello({ self, facts, scan, files, spool, shipper }: HelloDeps): () => Promise<FromAgentOf<"hello">> {
  const describeRun = async (runId: RunId): Promise<UnacknowledgedRun> => {
    const outcome = await spool.outcome(runId);
    if (outcome.kind === "ok") return { runId, state: "finished", lastSeq: outcome.value.lastSeq };
    return { runId, state: outcome.kind === "missing" ? "active" : "finished", lastSeq: await spool.lastSeq(runId) };
  };

  return async () => {
    await facts.freshen();
    await scan();
    const queued = (await files.queued()).map((runId) => ({ runId, state: "queued" as const, lastSeq: 0 }));
    const asked: RunId[] = [];
    for (const runId of shipper.pending()) if (!(await spool.isByHand(runId))) asked.push(runId);
    const begun = await Promise.all(asked.map(describeRun));
    const known = new Set(begun.map(({ runId }) => runId));
    const runs = [...begun, ...queued.filter(({ runId }) => !known.has(runId))].slice(-MOST_RUNS);
    return { type: "hello", protocol: PROTOCOL_VERSION, ...self, facts: facts.all(), runs };
  };
}
