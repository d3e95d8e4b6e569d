import type { Principal } from "../people/index.ts";
import { type People, readSessionCookie } from "../people/index.ts";

/** The headers that authenticate a request. */
export interface Credentials {
  readonly authorization: string | null;
  readonly cookie: string | null;
}

/** Checks one kind of credentials. Returns their principal; "wrong": not valid; "absent": the request has none of this kind. */
export type Authenticator = (credentials: Credentials) => Promise<Principal | "wrong" | "absent">;

/** Returns the principal of a request; null: not authenticated. */
export type Authentication = (credentials: Credentials) => Promise<Principal | null>;

/**
 * Tries each authenticator in turn until one finds credentials of its kind; only those count, valid or not. A request with a wrong
 * token is never accepted because of a cookie, and one with a valid token has the rights of the token only.
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

/** Authenticates session cookies; `secure`: the page is served over https. */
export function sessionAuthenticator({ sessions }: Pick<People, "sessions">, secure: boolean): Authenticator {
  return async ({ cookie }) => {
    const secret = readSessionCookie(cookie, secure);
    if (secret === null) return "absent";
    return (await sessions.find(secret)) ?? "wrong";
  };
}
