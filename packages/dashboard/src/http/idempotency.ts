import { createHash } from "node:crypto";
import type { Caller } from "../people/index.ts";
import type { Store } from "../store/index.ts";
import { keyedFingerprint, seal, unseal } from "./sealed.ts";

const KEEP = 24 * 60 * 60_000;

export interface StoredAnswer {
  readonly status: number;
  /** Its content type follows from the status: a problem document from 400 on. */
  readonly body: string;
  /** Seconds; only of answers that are not kept. */
  readonly retryAfter?: number | undefined;
}

export interface KeyedRequest {
  readonly caller: Caller;
  readonly key: string;
  /** Method, path and body as they came. */
  readonly text: string;
  /** Nothing of request and answer may be stored readably. */
  readonly confidential: boolean;
}

export type Once = { kind: "answer"; answer: StoredAnswer; repeated: boolean } | { kind: "mismatch"; detail: string };

export interface Idempotency {
  /**
   * Does the work once for a person's key: whoever asks again within 24 hours, or meanwhile, gets the first answer (R1).
   * Answers that tell of a fault here, of too many attempts, or of a proof that is lacking or wrong (403) are not kept: nothing
   * was done, and the same click is tried again with what was lacking.
   */
  once(request: KeyedRequest, work: () => Promise<StoredAnswer>): Promise<Once>;
  /** Drops what is older than 24 hours. */
  sweep(): Promise<void>;
}

/** Answers of requests with an Idempotency-Key, kept for a day. */
export function createIdempotency({
  store,
  now,
  randomBytes,
}: {
  store: Store;
  now(): number;
  randomBytes(size: number): Buffer;
}): Idempotency {
  const underWay = new Map<string, { request: string; result: Promise<Once> }>();

  async function perform({ caller, key, confidential }: KeyedRequest, request: string, work: () => Promise<StoredAnswer>) {
    const { personId, secret } = caller;
    const context = `answer ${personId} ${key}`;
    const stored = await store.db
      .selectFrom("idempotency")
      .selectAll()
      .where("principal", "=", `person ${personId}`)
      .where("key", "=", key)
      .where("created_at", ">", now() - KEEP)
      .executeTakeFirst();
    if (stored !== undefined) {
      if (stored.request !== request) return MISMATCH;
      const body = confidential ? unseal(stored.body, secret, context) : stored.body;
      return body === null ? MISMATCH : answerOf({ status: stored.status, body }, true);
    }
    const answer = await work();
    if (answer.status >= 500 || answer.status === 429 || answer.status === 403) return answerOf(answer, false);
    const body = confidential ? seal(answer.body, secret, context, randomBytes) : answer.body;
    const kept = { request, status: answer.status, body, created_at: now() };
    await store.change(({ db }) =>
      db
        .insertInto("idempotency")
        .values({ principal: `person ${personId}`, key, ...kept })
        .onConflict((conflict) => conflict.columns(["principal", "key"]).doUpdateSet(kept))
        .execute(),
    );
    return answerOf(answer, false);
  }

  return {
    async once(asked, work) {
      const { caller, key, text, confidential } = asked;
      // A plain hash of a request that holds a password would let it be guessed at leisure.
      const request = confidential ? keyedFingerprint(text, caller.secret) : createHash("sha256").update(text).digest("hex");
      const slot = `${caller.personId} ${key}`;
      const running = underWay.get(slot);
      if (running !== undefined) {
        if (running.request !== request) return MISMATCH;
        const result = await running.result;
        return result.kind === "answer" ? answerOf(result.answer, true) : result;
      }
      const result = perform(asked, request, work);
      underWay.set(slot, { request, result });
      try {
        return await result;
      } finally {
        underWay.delete(slot);
      }
    },

    async sweep() {
      await store.change(({ db }) =>
        db
          .deleteFrom("idempotency")
          .where("created_at", "<=", now() - KEEP)
          .execute(),
      );
    },
  };
}

function answerOf(answer: StoredAnswer, repeated: boolean): Once {
  return { kind: "answer", answer, repeated };
}

const MISMATCH: Once = {
  kind: "mismatch",
  detail: "The key was used for a request with another path or body, or, where a secret is involved, in another session.",
};
