import { createHmac, timingSafeEqual } from "node:crypto";
import { createSealingKey, type SealingKey } from "./sealing-key.ts";
import { sessionCookie } from "./session-cookie.ts";

/** Uses of a session's secret, the value of its cookie. */
export interface SessionKey extends SealingKey {
  /** `Set-Cookie` that gives the secret to the browser; `secure`: the page is opened by https. */
  cookie(secure: boolean): string;
  /** The token that changing requests of this session must send. Bound to the session, not stored. */
  csrf(): string;
  /** Whether this is the token. */
  isCsrf(sent: string | null): boolean;
}

/** `maxAge`: milliseconds after which the session ends in any case. */
export function createSessionKey(secret: string, maxAge: number, randomBytes: (size: number) => Buffer): SessionKey {
  const csrf = () => createHmac("sha256", secret).update("nixfleet csrf").digest("base64url");
  return {
    ...createSealingKey(secret, randomBytes),
    cookie: (secure) => sessionCookie(secret, secure, maxAge),
    csrf,
    isCsrf(sent) {
      const sentBytes = Buffer.from(sent ?? "");
      const expected = Buffer.from(csrf());
      return sentBytes.length === expected.length && timingSafeEqual(sentBytes, expected);
    },
  };
}
