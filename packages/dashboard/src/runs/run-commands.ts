import {
  type HostId,
  OpName,
  opDeclaration,
  parseOpRequest,
  REFUSALS,
  type RefusalCode,
  type RunHold,
  type RunId,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { type Actor, actorRef, addressOf, type PersonActor, subjectOf } from "../actor.ts";
import type { Presence } from "../hosts/index.ts";
import type { Ids } from "../ids.ts";
import type { AuditFact, Change, Store } from "../store/index.ts";
import { authorize } from "./authorization.ts";
import { admit } from "./dispatch-order.ts";
import { type Dispatcher, readQueue } from "./dispatcher.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { commitOf, deadlineOf, preCheck, type Refusal } from "./pre-checks.ts";
import { newRow, runOf } from "./records.ts";
import { newRun } from "./run.ts";
import type { TargetCommits } from "./target-commits.ts";
import { noTargetOf, trackedSource } from "./tracked-source.ts";
import { titleOf } from "./wording.ts";

/** A request to run an op, for one host or several. */
export interface RunRequest {
  readonly op: string;
  readonly args: unknown;
  /** What to do when the host is offline or busy. */
  readonly whenBlocked: "queue" | "refuse";
  readonly force: boolean;
  /** Identifies the request: repeated with the same key, it returns the same run (R1). */
  readonly requestKey?: string | null;
  /** Holds the run in the queue until it is released or the hold ends. */
  readonly hold?: RunHold | null;
}

export interface NamedHost {
  readonly id: HostId;
  readonly name: string;
}

/** The result of a request for one host. */
export type StartResult = { ok: true; runId: RunId } | { ok: false; code: "host-not-found" } | ({ ok: false } & Refusal);

/** Why the request was not attempted: the actor's proof is missing or wrong, or was tried too often. */
export type ProofProblem = { kind: "required" } | { kind: "wrong" } | { kind: "too-many-attempts"; retryAfter: number };

export type AskResult<T> = { kind: "answered"; result: T } | { kind: "unproven"; problem: ProofProblem };

/** Whether a person's proof is correct. `purpose` is what they want to do, for the audit trail. */
export type VerifyProof = (
  person: PersonActor,
  purpose: string,
) => Promise<{ kind: "proven" } | { kind: "wrong" } | { kind: "too-many-attempts"; retryAfter: number }>;

/** Commands of actors on runs. Decides role, proof, refusal and audit entry for all kinds of actors (R74). */
export interface RunCommands {
  ask(actor: Actor, request: RunRequest, host: NamedHost): Promise<AskResult<StartResult>>;
  /** The same for several hosts, each handled separately; the proof is checked once. */
  askMany(actor: Actor, request: RunRequest, hosts: readonly NamedHost[]): Promise<AskResult<StartResult[]>>;
  cancel(actor: Actor, runId: RunId): Promise<{ ok: true } | { ok: false; code: "run-not-found" | "run-ended" }>;
  /** Releases a held run; false: it is not held. */
  release(runId: RunId): Promise<boolean>;
}

export interface RunCommandsDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  presence: Presence;
  verifyProof: VerifyProof;
  sources: TargetCommits;
  /** Deadlines in milliseconds that replace the ops' own. */
  deadlines?: Partial<Record<OpName, number>>;
}

/** How long a request key identifies the same request, in milliseconds. */
const REQUEST_KEY_LIFETIME = 24 * 60 * 60_000;

const refuse = (code: RefusalCode, reason: string = REFUSALS[code].sentence) => ({ ok: false, code, reason }) as const;

export function createRunCommands(deps: RunCommandsDeps, dispatcher: Dispatcher): RunCommands {
  const { store, clock, ids, presence, verifyProof, sources, deadlines = {} } = deps;

  /** The run that this request started, even if the process ended before it could answer. */
  async function findByRequestKey({ db }: Change, requestKey: string): Promise<RunId | null> {
    const row = await db.selectFrom("runs").select(["id", "created_at"]).where("request_key", "=", requestKey).executeTakeFirst();
    if (row === undefined) return null;
    if (clock.now() - row.created_at < REQUEST_KEY_LIFETIME) return row.id;
    await db.updateTable("runs").set({ request_key: null }).where("id", "=", row.id).execute();
    return null;
  }

  const auditFactOf = (actor: Actor, action: string, host: NamedHost | null, sentence: string): Omit<AuditFact, "outcome"> => ({
    actor: actorRef(actor),
    action,
    sentence,
    hosts: host === null ? [] : [host],
    from: addressOf(actor),
  });

  /** Null: the actor may proceed; otherwise the answer. A refusal is recorded for each host. */
  async function checkActor(actor: Actor, op: string, hosts: readonly NamedHost[]): Promise<AskResult<Refusal> | null> {
    const known = OpName.safeParse(op);
    // An unknown op is refused below, with the other invalid requests.
    if (!known.success) return null;
    const authorization = authorize(actor, known.data);
    switch (authorization.kind) {
      case "allowed":
        return null;
      case "refused": {
        const { code, reason } = authorization;
        if (code === "second-factor-required" && actor.kind === "person") {
          return { kind: "unproven", problem: { kind: "required" } };
        }
        return { kind: "answered", result: { code, reason } };
      }
      case "verify": {
        const where = hosts.length === 1 ? (hosts[0]?.name ?? "a host") : `${hosts.length} hosts`;
        const proof = await verifyProof(authorization.person, `start ${labelOf(op)} on ${where}`);
        return proof.kind === "proven" ? null : { kind: "unproven", problem: proof };
      }
    }
  }

  async function recordRefusal(actor: Actor, op: string, host: NamedHost, { reason }: Refusal): Promise<void> {
    const sentence = `${subjectOf(actor)} requested ${labelOf(op)} on ${host.name} and was refused: ${reason}`;
    await store.change(async (change) =>
      change.audit({ ...auditFactOf(actor, "run.start", host, sentence), outcome: "refused" }),
    );
  }

  async function start(actor: Actor, runRequest: RunRequest, host: NamedHost): Promise<StartResult> {
    const { op, args, whenBlocked, force, requestKey = null, hold = null } = runRequest;
    const parsed = parseOpRequest(op, args);
    if (!parsed.ok) return refuse(parsed.code, parsed.reason);
    const { request } = parsed;
    // Query git before the change, which must wait for nothing but the database.
    const requestedCommit = commitOf(request, null);
    const trackedSourceNow = requestedCommit === null ? null : await trackedSource(store.db, host.id);
    const requestedSubject =
      requestedCommit === null || trackedSourceNow === null
        ? null
        : await sources.subjectOf(trackedSourceNow.sourceId, requestedCommit);
    const runId = ids.run();

    return await store.change(async (change): Promise<StartResult> => {
      const before = requestKey === null ? null : await findByRequestKey(change, requestKey);
      if (before !== null) return { ok: true, runId: before };
      const tracked = await trackedSource(change.db, host.id);
      if (tracked === null) return { ok: false, code: "host-not-found" };
      const target = sources.targetOf(tracked.sourceId);
      const commit = commitOf(request, target.state === "known" ? target.commit : null);
      const subject = target.state === "known" && commit === target.commit ? target.subject : requestedSubject;
      const known = await readPreCheckFacts(change.db, host.id, commit);
      if (known === null) return { ok: false, code: "host-not-found" };
      const noTarget = target.state === "undeclared" ? noTargetOf(tracked, known.facts) : null;
      const refusal = preCheck(request, force, { ...known, noTarget });
      if (refusal !== null) return { ok: false, ...refusal };
      const mayWait = hold !== null || (whenBlocked === "queue" && opDeclaration(request.op).queueable);
      const connected = presence.isConnected(host.id);
      const denied = admit({ connected, mayWait, held: hold !== null }, await readQueue(change.db, host.id));
      if (denied !== null) return refuse(denied);

      const run = newRun(
        {
          id: runId,
          hostId: host.id,
          hostName: host.name,
          request,
          sourceId: target.sourceId,
          commit,
          deadline: deadlineOf(request, deadlines),
          createdAt: clock.now(),
          actor: actorRef(actor),
          force,
        },
        { queueReason: hold !== null ? "held" : connected ? "host-busy" : "host-offline", hold },
      );
      const last = await change.db.selectFrom("runs").select("number").orderBy("number", "desc").limit(1).executeTakeFirst();
      await change.db
        .insertInto("runs")
        .values(newRow(run, { number: (last?.number ?? 0) + 1, subject, requestKey }))
        .execute();
      const sentence = `${subjectOf(actor)} requested ${labelOf(op)} on ${host.name}${force ? " with force" : ""}.`;
      change.audit({ ...auditFactOf(actor, "run.start", host, sentence), runId, outcome: "done" });
      dispatcher.publish(change, null, run, []);
      await dispatcher.pump(change, host.id);
      return { ok: true, runId };
    });
  }

  /** Starts the run unless denied, and records a refusal. */
  async function askOne(actor: Actor, request: RunRequest, host: NamedHost, denied: Refusal | null): Promise<StartResult> {
    const result: StartResult = denied === null ? await start(actor, request, host) : { ok: false, ...denied };
    if (!result.ok && result.code !== "host-not-found") await recordRefusal(actor, request.op, host, result);
    return result;
  }

  const commands: RunCommands = {
    async ask(actor, request, host) {
      const answer = await commands.askMany(actor, request, [host]);
      if (answer.kind === "unproven") return answer;
      const [result = { ok: false, code: "host-not-found" }] = answer.result;
      return { kind: "answered", result };
    },

    async askMany(actor, request, hosts) {
      const checked = await checkActor(actor, request.op, hosts);
      if (checked?.kind === "unproven") return checked;
      const denied = checked?.result ?? null;
      const results: StartResult[] = [];
      for (const host of hosts) {
        // Each host's run has its own key.
        const key = request.requestKey ?? null;
        const requestKey = key === null ? null : `${key} ${host.id}`;
        results.push(await askOne(actor, { ...request, requestKey }, host, denied));
      }
      return { kind: "answered", result: results };
    },

    async cancel(actor, runId) {
      return await store.change(async (change) => {
        const row = await change.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
        if (row === undefined) return { ok: false, code: "run-not-found" };
        const run = runOf(row);
        if (run.stage === "ended") return { ok: false, code: "run-ended" };
        const host = run.hostId === null ? null : { id: run.hostId, name: run.hostName ?? run.hostId };
        const where = host === null ? "" : ` on ${host.name}`;
        const sentence = `${subjectOf(actor)} cancelled “${titleOf(run.request, run.commit)}”${where}.`;
        change.audit({ ...auditFactOf(actor, "run.cancel", host, sentence), runId, outcome: "done" });
        await dispatcher.apply(change, row, { kind: "cancel", by: actor.name });
        return { ok: true };
      });
    },

    async release(runId) {
      return await store.change(async (change) => {
        const row = await change.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
        if (row === undefined || row.hold === null) return false;
        await dispatcher.apply(change, row, { kind: "release" });
        return true;
      });
    },
  };
  return commands;
}

function labelOf(op: string): string {
  const known = OpName.safeParse(op);
  return known.success ? `“${opDeclaration(known.data).label}”` : "an unknown op";
}
