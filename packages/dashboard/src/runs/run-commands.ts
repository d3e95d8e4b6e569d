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
import type { Transaction } from "kysely";
import type { Ids } from "../ids.ts";
import type { Database, Store } from "../store/index.ts";
import { type Dispatching, type HostLinks, type RunChange, unfinishedRuns } from "./dispatcher.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { commitOf, deadlineOf, preCheck, type Refusal } from "./pre-checks.ts";
import { newRow, runOf } from "./records.ts";
import { newRun } from "./run.ts";

/** What runs need to know of the target. */
export interface TargetCommit {
  commit: string;
  subject: string;
}

export interface AskedRun {
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
  /** Stores what is told of the start in the same transaction. */
  note?: ((trx: Transaction<Database>, runId: RunId) => Promise<unknown>) | undefined;
}

export type StartResult = { ok: true; runId: RunId } | { ok: false; code: "host-not-found" } | ({ ok: false } & Refusal);

/** What people ask of runs. */
export interface Asking {
  ask(asked: AskedRun): Promise<StartResult>;
  /** `note` stores what is told of it in the same transaction. */
  cancel(
    runId: RunId,
    by: string,
    note?: (trx: Transaction<Database>) => Promise<unknown>,
  ): Promise<{ ok: true } | { ok: false; code: "run-not-found" | "run-ended" }>;
}

export interface AskingDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  links: HostLinks;
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

export function createAsking(
  { store, clock, ids, links, target, subjectOf, deadlines = {} }: AskingDeps,
  dispatching: Dispatching,
  announce: (changes: readonly RunChange[]) => void,
): Asking {
  /** The run that this request has started, also if the process ended before it could say so. */
  async function askedBefore(trx: Transaction<Database>, requestKey: string): Promise<RunId | null> {
    const row = await trx
      .selectFrom("runs")
      .select(["id", "created_at"])
      .where("request_key", "=", requestKey)
      .executeTakeFirst();
    if (row === undefined) return null;
    if (clock.now() - row.created_at < REQUEST_KEPT) return row.id as RunId;
    await trx.updateTable("runs").set({ request_key: null }).where("id", "=", row.id).execute();
    return null;
  }

  async function ask({ hostId, op, args, by, whenBlocked, force, requestKey = null, note }: AskedRun): Promise<StartResult> {
    const parsed = parseOpRequest(op, args);
    if (!parsed.ok) return refuse(parsed.code, parsed.reason);
    const { request } = parsed;
    const now = target();
    const commit = commitOf(request, now?.commit ?? null);
    const subject = commit === null ? null : commit === now?.commit ? now.subject : ((await subjectOf?.(commit)) ?? null);
    const runId = ids.run();

    const asked = await store.write(async (trx): Promise<StartResult & { changes?: RunChange[] }> => {
      const before = requestKey === null ? null : await askedBefore(trx, requestKey);
      if (before !== null) return { ok: true, runId: before };
      const known = await readPreCheckFacts(trx, hostId, commit);
      if (known === null) return { ok: false, code: "host-not-found" };
      const refusal = preCheck(request, force, known);
      if (refusal !== null) return { ok: false, ...refusal };
      const mayWait = whenBlocked === "queue" && opDeclaration(request.op).queueable;
      const connected = links.isConnected(hostId);
      if (!connected && !mayWait) return refuse("host-offline");
      if (!mayWait && (await unfinishedRuns(trx, hostId)).length > 0) return refuse("host-busy");

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
      const last = await trx
        .selectFrom("runs")
        .select((eb) => eb.fn.max("number").as("number"))
        .executeTakeFirst();
      await trx
        .insertInto("runs")
        .values({ ...newRow(run, { number: (last?.number ?? 0) + 1, subject }), request_key: requestKey })
        .execute();
      await note?.(trx, runId);
      const changes = await dispatching.pump(trx, hostId);
      if (!changes.some((change) => change.run.id === runId)) {
        changes.push({ run, effects: [], lastLine: null, shown: true });
      }
      return { ok: true, runId, changes };
    });
    if (!asked.ok) return asked;
    announce(asked.changes ?? []);
    return { ok: true, runId: asked.runId };
  }

  async function cancel(...[runId, by, note]: Parameters<Asking["cancel"]>): ReturnType<Asking["cancel"]> {
    const changes = await store.write(async (trx) => {
      const row = await trx.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      if (row === undefined) return "run-not-found" as const;
      if (isTerminal(runOf(row).state)) return "run-ended" as const;
      await note?.(trx);
      return await dispatching.pumpIfEnded(trx, await dispatching.apply(trx, row, { kind: "cancel", by }));
    });
    if (typeof changes === "string") return { ok: false, code: changes };
    announce(changes);
    return { ok: true };
  }

  return { ask, cancel };
}
