import {
  type HostId,
  OpName,
  opDeclaration,
  PROBLEMS,
  REFUSALS,
  type RefusalCode,
  type RunId,
  type RunSummary,
  roleAllows,
} from "@nixfleet/protocol";
import { actorRef, subjectOf } from "../../actor.ts";
import type { HostRecord, Hosts } from "../../hosts/index.ts";
import { actorOf, type People, type Principal, proofOf, type RequestOrigin } from "../../people/index.ts";
import type { Runs, RunViews } from "../../runs/index.ts";
import type { Store } from "../../store/index.ts";
import { ok, type Refusal, refuse } from "../answer.ts";
import { auditFact } from "../audit-fact.ts";
import type { Serve } from "../serve.ts";

export interface RunRoutesDeps {
  readonly people: Pick<People, "prove">;
  readonly hosts: Pick<Hosts, "find">;
  readonly runs: Pick<Runs, "ask" | "cancel">;
  readonly runViews: RunViews;
  readonly store: Pick<Store, "change">;
}

interface Asked {
  readonly op: string;
  readonly args: Record<string, unknown>;
  readonly whenBlocked: "queue" | "refuse";
  readonly force: boolean;
}

interface Asker {
  readonly principal: Principal;
  readonly origin: RequestOrigin;
  readonly requestKey: string | null;
}

type Started =
  | { ok: true; run: RunSummary }
  | { ok: false; code: RefusalCode; reason: string }
  | { ok: false; code: "host-not-found" };

/** Starting, listing and cancelling runs. */
export function serveRuns(serve: Serve, { people, hosts, runs, runViews, store }: RunRoutesDeps): void {
  /**
   * Asks for the second factor that an op declares, once for the whole request, before anything else is looked at: null, or why
   * the request goes no further. Who may not start the op at all is refused for that, and is not asked.
   */
  async function withoutProof(
    { op, proof }: { op: string; proof?: { password: string } | undefined },
    { principal, origin }: Asker,
    where: string,
  ): Promise<Refusal<"second-factor-required" | "second-factor-wrong" | "too-many-attempts"> | null> {
    const known = OpName.safeParse(op);
    if (!known.success) return null;
    const { secondFactor, role } = opDeclaration(known.data);
    if (!secondFactor || !roleAllows(principal.role, role)) return null;
    const actor = actorOf(principal, origin, proofOf(proof));
    if (actor.kind !== "person" || actor.proof === null) return refuse("second-factor-required");
    const result = await people.prove(actor, `start ${labelOf(op)} on ${where}`);
    switch (result.kind) {
      case "proven":
        return null;
      case "wrong":
        return refuse("second-factor-wrong");
      case "too-many-attempts":
        return refuse(result.kind, { retryAfter: result.retryAfter });
    }
  }

  async function summaryOf(runId: RunId): Promise<RunSummary> {
    const summary = await runViews.summary(runId);
    if (summary === null) throw new Error(`The run ${runId} was just there and is gone`);
    return summary;
  }

  async function start(host: HostRecord, asked: Asked, { principal, origin, requestKey }: Asker): Promise<Started> {
    const actor = actorOf(principal, origin);
    const fact = { actor: actorRef(actor), action: "run.start", hosts: [host], from: origin.address } as const;
    const label = labelOf(asked.op);
    const refused = async (code: RefusalCode, reason: string): Promise<Started> => {
      const sentence = `${subjectOf(actor)} asked for ${label} on ${host.name} and was refused: ${reason}`;
      await store.change(async (change) => change.audit({ ...fact, sentence, outcome: "refused" }));
      return { ok: false, code, reason };
    };
    const op = OpName.safeParse(asked.op);
    if (op.success && !roleAllows(principal.role, opDeclaration(op.data).role)) {
      return await refused("role-too-low", REFUSALS["role-too-low"].sentence);
    }
    const result = await runs.ask({
      ...asked,
      hostId: host.id,
      by: principal.name,
      requestKey,
      describe: (runId) => ({
        ...fact,
        sentence: `${subjectOf(actor)} asked for ${label} on ${host.name}${asked.force ? ", by force" : ""}.`,
        runId,
        outcome: "done",
      }),
    });
    if (result.ok) return { ok: true, run: await summaryOf(result.runId) };
    return result.code === "host-not-found" ? { ok: false, code: result.code } : await refused(result.code, result.reason);
  }

  serve("startRun", async ({ params, body, principal, origin, requestKey }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const { proof, ...asked } = body;
    const unproven = await withoutProof({ op: asked.op, proof }, { principal, origin, requestKey }, host.name);
    if (unproven !== null) return unproven;
    const started = await start(host, asked, { principal, origin, requestKey });
    if (started.ok) return ok(started.run);
    if (started.code === "host-not-found") return refuse("host-not-found");
    return refuse("run-refused", { detail: started.reason, refusal: started.code, next: REFUSALS[started.code].next });
  });

  serve("startRuns", async ({ body, principal, origin, requestKey }) => {
    const { hosts: names, proof, ...asked } = body;
    const where = names.length === 1 ? "a host" : `${names.length} hosts`;
    const unproven = await withoutProof({ op: asked.op, proof }, { principal, origin, requestKey }, where);
    if (unproven !== null) return unproven;
    const items: { host: string; run: RunSummary | null; refused: { code: string; sentence: string; next: string } | null }[] =
      [];
    const seen = new Set<HostId>();
    for (const name of names) {
      const host = await hosts.find(name);
      // Named twice, by id and by name, it is still one host that is asked once.
      if (host !== null && seen.has(host.id)) continue;
      if (host !== null) seen.add(host.id);
      const started: Started =
        host === null
          ? { ok: false, code: "host-not-found" }
          : await start(host, asked, { principal, origin, requestKey: requestKey === null ? null : `${requestKey} ${host.id}` });
      items.push(
        started.ok
          ? { host: name, run: started.run, refused: null }
          : started.code === "host-not-found"
            ? {
                host: name,
                run: null,
                refused: {
                  code: started.code,
                  sentence: PROBLEMS["host-not-found"].title,
                  next: PROBLEMS["host-not-found"].next,
                },
              }
            : {
                host: name,
                run: null,
                refused: { code: started.code, sentence: started.reason, next: REFUSALS[started.code].next },
              },
      );
    }
    return ok({ items });
  });

  serve("cancelRun", async ({ params, principal, origin }) => {
    const before = await runViews.summary(params.run);
    if (before === null) return refuse("run-not-found");
    const { hostId, hostName, title } = before;
    const fact = auditFact(principal, origin, {
      action: "run.cancel",
      did: `cancelled “${title}” on ${hostName}`,
      hosts: [{ id: hostId, name: hostName }],
      runId: params.run,
      outcome: "done",
    });
    const cancelled = await runs.cancel(params.run, principal.name, fact);
    return cancelled.ok ? ok(await summaryOf(params.run)) : refuse(cancelled.code);
  });

  serve("run", async ({ params }) => {
    const view = await runViews.view(params.run);
    return view === null ? refuse("run-not-found") : ok(view);
  });

  serve("runs", async ({ query }) => {
    const { host: name, state, op, cursor, limit } = query;
    if (name === undefined) return ok(await runViews.list({ state, op, cursor, limit }));
    const host = await hosts.find(name);
    return ok(host === null ? { items: [], next: null } : await runViews.list({ hostId: host.id, state, op, cursor, limit }));
  });

  serve("hostRuns", async ({ params, query }) => {
    const host = await hosts.find(params.host);
    return host === null ? refuse("host-not-found") : ok(await runViews.list({ hostId: host.id, ...query }));
  });
}

function labelOf(op: string): string {
  const known = OpName.safeParse(op);
  return known.success ? `“${opDeclaration(known.data).label}”` : "an unknown op";
}
