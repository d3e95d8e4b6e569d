import {
  type HostId,
  isTerminal,
  type OpName,
  opDeclaration,
  parseOpRequest,
  REFUSALS,
  type RefusalCode,
  type RunId,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Ids } from "../ids.ts";
import type { AuditFact, Change, Store } from "../store/index.ts";
import { type Dispatcher, unfinishedRuns } from "./dispatcher.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { commitOf, deadlineOf, preCheck, type Refusal } from "./pre-checks.ts";
import { newRow, runOf } from "./records.ts";
import { newRun } from "./run.ts";

/** What runs need to know of the target. */
export interface TargetCommit {
  commit: string;
  subject: string;
}

export interface RunRequest {
  hostId: HostId;
  op: string;
  args: unknown;
  /** Who asks, as the page and the host show it. */
  by: string;
  /** What to do when the host is offline or busy. */
  whenBlocked: "queue" | "refuse";
  force: boolean;
  /** Names the request: asked again under the same name, it gives the run that it gave before (R1). */
  requestKey?: string | null;
  /** What the audit trail tells of the start. */
  describe?: ((runId: RunId) => AuditFact) | undefined;
}

export type StartResult = { ok: true; runId: RunId } | { ok: false; code: "host-not-found" } | ({ ok: false } & Refusal);

/** What people ask of runs. */
export interface RunCommands {
  ask(request: RunRequest): Promise<StartResult>;
  /** `fact`: what the audit trail tells of it. */
  cancel(runId: RunId, by: string, fact?: AuditFact): Promise<{ ok: true } | { ok: false; code: "run-not-found" | "run-ended" }>;
}

export interface RunCommandsDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  presence: Presence;
  /** The target as it is known now; null: it is not. */
  target: () => TargetCommit | null;
  /** Subject of a commit that is not the target; null: not known. */
  subjectOf?: (commit: string) => Promise<string | null>;
  /** Deadlines in milliseconds that replace the ops' own. */
  deadlines?: Partial<Record<OpName, number>>;
}

/** For this long a request that is asked again is the same request, in milliseconds. */
const REQUEST_KEPT = 24 * 60 * 60_000;

const refuse = (code: RefusalCode, reason: string = REFUSALS[code].sentence) => ({ ok: false, code, reason }) as const;

export function createRunCommands(
  { store, clock, ids, presence, target, subjectOf, deadlines = {} }: RunCommandsDeps,
  dispatcher: Dispatcher,
): RunCommands {
  /** The run that this request has started, also if the process ended before it could say so. */
  async function startedBefore({ db }: Change, requestKey: string): Promise<RunId | null> {
    const row = await db.selectFrom("runs").select(["id", "created_at"]).where("request_key", "=", requestKey).executeTakeFirst();
    if (row === undefined) return null;
    if (clock.now() - row.created_at < REQUEST_KEPT) return row.id as RunId;
    await db.updateTable("runs").set({ request_key: null }).where("id", "=", row.id).execute();
    return null;
  }

  async function ask(asked: RunRequest): Promise<StartResult> {
    const { hostId, op, args, by, whenBlocked, force, requestKey = null, describe } = asked;
    const parsed = parseOpRequest(op, args);
    if (!parsed.ok) return refuse(parsed.code, parsed.reason);
    const { request } = parsed;
    const now = target();
    const commit = commitOf(request, now?.commit ?? null);
    const subject = commit === null ? null : commit === now?.commit ? now.subject : ((await subjectOf?.(commit)) ?? null);
    const runId = ids.run();

    return await store.change(async (change): Promise<StartResult> => {
      const before = requestKey === null ? null : await startedBefore(change, requestKey);
      if (before !== null) return { ok: true, runId: before };
      const known = await readPreCheckFacts(change.db, hostId, commit);
      if (known === null) return { ok: false, code: "host-not-found" };
      const refusal = preCheck(request, force, known);
      if (refusal !== null) return { ok: false, ...refusal };
      const mayWait = whenBlocked === "queue" && opDeclaration(request.op).queueable;
      const connected = presence.isConnected(hostId);
      if (!connected && !mayWait) return refuse("host-offline");
      if (!mayWait && (await unfinishedRuns(change.db, hostId)).length > 0) return refuse("host-busy");

      const run = newRun({
        id: runId,
        hostId,
        request,
        commit,
        deadline: deadlineOf(request, deadlines),
        createdAt: clock.now(),
        askedBy: by,
        force,
        queueReason: connected ? "host-busy" : "host-offline",
      });
      const last = await change.db.selectFrom("runs").select("number").orderBy("number", "desc").limit(1).executeTakeFirst();
      await change.db
        .insertInto("runs")
        .values({ ...newRow(run, { number: (last?.number ?? 0) + 1, subject }), request_key: requestKey })
        .execute();
      if (describe !== undefined) change.audit(describe(runId));
      dispatcher.publish(change, null, run, []);
      await dispatcher.pump(change, hostId);
      return { ok: true, runId };
    });
  }

  async function cancel(...[runId, by, fact]: Parameters<RunCommands["cancel"]>): ReturnType<RunCommands["cancel"]> {
    return await store.change(async (change) => {
      const row = await change.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      if (row === undefined) return { ok: false, code: "run-not-found" };
      if (isTerminal(runOf(row).state)) return { ok: false, code: "run-ended" };
      if (fact !== undefined) change.audit(fact);
      await dispatcher.apply(change, row, { kind: "cancel", by });
      return { ok: true };
    });
  }

  return { ask, cancel };
}
