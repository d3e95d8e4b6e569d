import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";
import { createLoginLimits, type LoginLimits } from "./login-limits.ts";
import type { Argon2Cost } from "./password-hash.ts";
import { createPasswords, type Passwords } from "./passwords.ts";
import { createPeople, type People } from "./people.ts";
import { createSessions } from "./sessions.ts";
import { createSetupLink } from "./setup-link.ts";

export { type Argon2Cost, hashPassword, parsePasswordHash } from "./password-hash.ts";
export type { People } from "./people.ts";
export { actorOf, type Principal, principalId, proofOf, type RequestOrigin, type SessionPrincipal } from "./principal.ts";
export { endedSessionCookie, readSessionCookie } from "./session-cookie.ts";

export interface OpenPeopleDeps {
  readonly store: Store;
  readonly log: Logger;
  now(): number;
  randomBytes(size: number): Buffer;
  readonly cost?: Argon2Cost | undefined;
  readonly limits?: LoginLimits | undefined;
  /** Replaces the default made from `cost`. */
  readonly passwords?: Passwords | undefined;
}

/** Creates the people part from its components. */
export function openPeople({ store, log, now, randomBytes, cost, limits, passwords }: OpenPeopleDeps): People {
  return createPeople({
    store,
    sessions: createSessions({ store, log, now, randomBytes }),
    passwords: passwords ?? createPasswords({ randomBytes, ...(cost === undefined ? {} : { cost }) }),
    limits: limits ?? createLoginLimits({ now }),
    setupLink: createSetupLink({ now, randomBytes }),
    now,
    randomBytes,
  });
}
