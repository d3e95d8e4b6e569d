import { HostId, PROBLEMS, REFUSALS, type RunId, type RunSummary } from "@nixfleet/protocol";
import type { Hosts } from "../../hosts/index.ts";
import { actorOf, proofOf } from "../../people/index.ts";
import type { ProofProblem, Runs, RunViews, StartResult } from "../../runs/index.ts";
import { ok, type Refusal, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

export interface RunRoutesDeps {
  readonly hosts: Pick<Hosts, "find">;
  readonly runs: Pick<Runs, "ask" | "askMany" | "cancel">;
  readonly runViews: RunViews;
}

/** The result for one host of a request for several. */
interface StartedHost {
  host: string;
  run: RunSummary | null;
  refused: { code: string; sentence: string; next: string } | null;
}

const { title: sentence, next } = PROBLEMS["host-not-found"];
const NO_HOST = { code: "host-not-found", sentence, next };

/** Starting, listing and cancelling runs. */
export function serveRuns(serve: Serve, { hosts, runs, runViews }: RunRoutesDeps): void {
  async function summaryOf(runId: RunId): Promise<RunSummary> {
    const summary = await runViews.summary(runId);
    if (summary === null) throw new Error(`The run ${runId} has just disappeared`);
    return summary;
  }

  serve("startRun", async ({ params, body, principal, origin, requestKey }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const { proof, ...request } = body;
    const answer = await runs.ask(actorOf(principal, origin, proofOf(proof)), { ...request, requestKey }, host);
    if (answer.kind === "unproven") return refuseUnproven(answer.problem);
    const { result } = answer;
    if (result.ok) return ok(await summaryOf(result.runId));
    if (result.code === "host-not-found") return refuse("host-not-found");
    return refuse("run-refused", { detail: result.reason, refusal: result.code, next: REFUSALS[result.code].next });
  });

  serve("startRuns", async ({ body, principal, origin, requestKey }) => {
    const { hosts: names, proof, ...request } = body;
    const found = await findAll(hosts, names);
    const known = found.flatMap(({ host }) => host ?? []);
    const answer = await runs.askMany(actorOf(principal, origin, proofOf(proof)), { ...request, requestKey }, known);
    if (answer.kind === "unproven") return refuseUnproven(answer.problem);
    const results = new Map(known.map(({ id }, place) => [id, answer.result[place]]));
    const items: StartedHost[] = [];
    for (const { name, host } of found) {
      const result = host === null ? undefined : results.get(host.id);
      items.push(await startedHost(name, result ?? { ok: false, code: "host-not-found" }));
    }
    return ok({ items });
  });

  async function startedHost(host: string, result: StartResult): Promise<StartedHost> {
    if (result.ok) return { host, run: await summaryOf(result.runId), refused: null };
    if (result.code === "host-not-found") return { host, run: null, refused: NO_HOST };
    const { code, reason } = result;
    return { host, run: null, refused: { code, sentence: reason, next: REFUSALS[code].next } };
  }

  serve("cancelRun", async ({ params, principal, origin }) => {
    const cancelled = await runs.cancel(actorOf(principal, origin), params.run);
    return cancelled.ok ? ok(await summaryOf(params.run)) : refuse(cancelled.code);
  });

  serve("run", async ({ params }) => {
    const view = await runViews.view(params.run);
    return view === null ? refuse("run-not-found") : ok(view);
  });

  serve("runs", async ({ query }) => {
    const { host: name, state, op, cursor, limit } = query;
    if (name === undefined) return ok(await runViews.list({ state, op, cursor, limit }));
    const hostId = (await hosts.find(name))?.id ?? removedHost(name);
    return ok(hostId === null ? { items: [], next: null } : await runViews.list({ hostId, state, op, cursor, limit }));
  });

  serve("hostRuns", async ({ params, query }) => {
    const host = await hosts.find(params.host);
    const hostId = host?.id ?? removedHost(params.host);
    if (hostId === null) return refuse("host-not-found");
    const page = await runViews.list({ hostId, ...query });
    return host === null && query.cursor === undefined && page.items.length === 0 ? refuse("host-not-found") : ok(page);
  });
}

/** A host that was removed is known by its id alone; its runs are there. */
function removedHost(id: string): HostId | null {
  const parsed = HostId.safeParse(id);
  return parsed.success ? parsed.data : null;
}

function refuseUnproven(problem: ProofProblem): Refusal<"second-factor-required" | "second-factor-wrong" | "too-many-attempts"> {
  switch (problem.kind) {
    case "required":
      return refuse("second-factor-required");
    case "wrong":
      return refuse("second-factor-wrong");
    case "too-many-attempts":
      return refuse("too-many-attempts", { retryAfter: problem.retryAfter });
  }
}

/** Finds hosts by id or name, each host once. */
async function findAll(hosts: Pick<Hosts, "find">, names: readonly string[]) {
  const seen = new Set<HostId>();
  const found: { name: string; host: { id: HostId; name: string } | null }[] = [];
  for (const name of names) {
    const host = await hosts.find(name);
    if (host !== null && seen.has(host.id)) continue;
    if (host !== null) seen.add(host.id);
    found.push({ name, host: host === null ? null : { id: host.id, name: host.name } });
  }
  return found;
}
