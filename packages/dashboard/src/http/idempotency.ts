import { type Principal, principalId } from "../people/index.ts";
import type { Store } from "../store/index.ts";

const LIFETIME = 24 * 60 * 60_000;

export interface StoredAnswer {
  readonly status: number;
  /** Its content type follows from the status: a problem document from 400 on. */
  readonly body: string;
  /** Seconds; only for answers that are not stored. */
  readonly retryAfter?: number | undefined;
}

export interface KeyedRequest {
  readonly principal: Principal;
  readonly key: string;
  /** Method, path and body as received. */
  readonly text: string;
}

export type OnceResult = { kind: "answer"; answer: StoredAnswer } | { kind: "mismatch" };

export interface Idempotency {
  /**
   * Runs the work once for a principal's key: the same request, repeated within 24 hours or concurrently, gets the first answer
   * (R1). A refusal is not stored: nothing was done, so the request may be tried again.
   */
  once(request: KeyedRequest, work: () => Promise<StoredAnswer>): Promise<OnceResult>;
  /** Deletes answers older than 24 hours. */
  sweep(): Promise<void>;
}

/**
 * Stores answers to requests with an Idempotency-Key for a day. Request and answer may hold a password or a token, so both are
 * sealed with the principal's own secret.
 */
export function createIdempotency({ store, now }: { store: Store; now(): number }): Idempotency {
  const inProgress = new Map<string, { request: string; result: Promise<OnceResult> }>();

  async function perform(
    { principal, key }: KeyedRequest,
    request: string,
    work: () => Promise<StoredAnswer>,
  ): Promise<OnceResult> {
    const id = principalId(principal);
    const context = `answer ${id} ${key}`;
    const stored = await store.db
      .selectFrom("idempotency")
      .selectAll()
      .where("principal", "=", id)
      .where("key", "=", key)
      .where("created_at", ">", now() - LIFETIME)
      .executeTakeFirst();
    if (stored !== undefined) {
      const body = stored.request === request ? principal.key.unseal(stored.body, context) : null;
      return body === null ? { kind: "mismatch" } : { kind: "answer", answer: { status: stored.status, body } };
    }
    const answer = await work();
    if (answer.status >= 400) return { kind: "answer", answer };
    const values = { request, status: answer.status, body: principal.key.seal(answer.body, context), created_at: now() };
    await store.change(({ db }) =>
      db
        .insertInto("idempotency")
        .values({ principal: id, key, ...values })
        .onConflict((conflict) => conflict.columns(["principal", "key"]).doUpdateSet(values))
        .execute(),
    );
    return { kind: "answer", answer };
  }

  return {
    async once(keyedRequest, work) {
      const request = keyedRequest.principal.key.fingerprint(keyedRequest.text);
      const slot = `${principalId(keyedRequest.principal)} ${keyedRequest.key}`;
      const running = inProgress.get(slot);
      if (running !== undefined) return running.request === request ? await running.result : { kind: "mismatch" };
      const result = perform(keyedRequest, request, work);
      inProgress.set(slot, { request, result });
      try {
        return await result;
      } finally {
        inProgress.delete(slot);
      }
    },

    async sweep() {
      await store.change(({ db }) =>
        db
          .deleteFrom("idempotency")
          .where("created_at", "<=", now() - LIFETIME)
          .execute(),
      );
    },
  };
}
