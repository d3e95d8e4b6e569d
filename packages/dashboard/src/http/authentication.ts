import type { Principal } from "../people/index.ts";
import { type People, readSessionCookie } from "../people/index.ts";

/** The headers by which a request says who makes it. */
export interface Credentials {
  readonly authorization: string | null;
  readonly cookie: string | null;
}

/** Knows one kind of credentials. Gives whose they are; "wrong": nobody's; "absent": the request has none of this kind. */
export type Authenticator = (credentials: Credentials) => Promise<Principal | "wrong" | "absent">;

/** Who makes a request; null: nobody who is known. */
export type Authentication = (credentials: Credentials) => Promise<Principal | null>;

/**
 * Asks each authenticator in turn, until one finds credentials of its kind: only those count, right or wrong. A program whose
 * token is wrong is never let in by a cookie that came along, and one whose token is right has the token's rights alone.
 */
export function createAuthentication(authenticators: readonly Authenticator[]): Authentication {
  return async (credentials) => {
    for (const authenticate of authenticators) {
      const found = await authenticate(credentials);
      if (found === "wrong") return null;
      if (found !== "absent") return found;
    }
    return null;
  };
}

/** Knows the cookies of sessions; `secure`: the page is opened by https. */
export function sessionAuthenticator({ sessions }: Pick<People, "sessions">, secure: boolean): Authenticator {
  return async ({ cookie }) => {
    const secret = readSessionCookie(cookie, secure);
    if (secret === null) return "absent";
    return (await sessions.find(secret)) ?? "wrong";
  };
}
