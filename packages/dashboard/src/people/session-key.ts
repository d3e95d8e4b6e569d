import { createHmac, timingSafeEqual } from "node:crypto";
import { createSealingKey, type SealingKey } from "./sealing-key.ts";
import { sessionCookie } from "./session-cookie.ts";

/** What a session's secret, the value of its cookie, is good for. */
export interface SessionKey extends SealingKey {
  /** `Set-Cookie` that gives the secret to the browser; `secure`: the page is opened by https. */
  cookie(secure: boolean): string;
  /** What a request of this session that changes something must send. Bound to the session, and not stored. */
  csrf(): string;
  /** Whether a request has sent that. */
  isCsrf(sent: string | null): boolean;
}

/** `longest`: milliseconds after which the session ends in any case. */
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
