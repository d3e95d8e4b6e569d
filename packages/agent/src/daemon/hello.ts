import { type FromAgentOf, PROTOCOL_VERSION } from "@nixfleet/protocol";
import type { FactReports } from "./fact-reports.ts";
import type { HeldRuns } from "./held-runs.ts";

export interface HelloDeps {
  /** What is the same in every hello of this process. */
  self: Pick<FromAgentOf<"hello">, "hostname" | "instance" | "policy" | "settings">;
  facts: Pick<FactReports, "freshen" | "all">;
  scan: () => Promise<void>;
  heldRuns: Pick<HeldRuns, "list">;
}

/** The first message of each link: who this is, what the host runs, and the runs that it holds. */
export function createHello({ self, facts, scan, heldRuns }: HelloDeps): () => Promise<FromAgentOf<"hello">> {
  return async () => {
    await facts.freshen();
    await scan();
    const runs = await heldRuns.list();
    return { type: "hello", protocol: PROTOCOL_VERSION, ...self, facts: facts.all(), runs };
  };
}
