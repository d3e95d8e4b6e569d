import { createLimiter } from "@nixfleet/runtime";
import { ARGON2_COST, type Argon2Cost, hashPassword, parsePasswordHash, verifyPassword } from "./password-hash.ts";

export interface PasswordsDeps {
  randomBytes(size: number): Buffer;
  /** Cost of new hashes. */
  readonly cost?: Argon2Cost;
  /** Concurrent hashes: each takes memory and a thread. */
  readonly parallel?: number;
  /** Maximum number of waiting callers. */
  readonly waiting?: number;
}

/** Whether somebody is signed in, or has signed in from the same network before. */
export type Caller = "known" | "unknown";

export interface Passwords {
  /** A PHC string, or null while too many wait. */
  hash(password: string): Promise<string | null>;
  /**
   * Whether the password matches; null while too many wait. Without a hash (an unknown name) the same work is done, so that
   * response times do not reveal which names exist. Who is known does not wait for those who are not (R65).
   */
  verify(password: string, hash: string | null, caller: Caller): Promise<boolean | null>;
  /** The hash that unknown names are checked against, with the same cost as real ones. */
  readonly decoy: string;
  isCurrent(hash: string): boolean;
}

/** Hashes and verifies passwords, a few at a time, so that many sign-ins use limited memory and leave threads for the disk. */
export function createPasswords({ randomBytes, cost = ARGON2_COST, parallel = 2, waiting = 32 }: PasswordsDeps): Passwords {
  const base64 = (size: number) =>
    randomBytes(size)
      .toString("base64")
      .replace(/={1,2}$/, "");
  const decoy = `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(16)}$${base64(32)}`;
  const limiters = {
    known: createLimiter({ concurrent: 1, waiting }),
    unknown: createLimiter({ concurrent: parallel, waiting }),
  };

  async function limited<T>(caller: Caller, work: () => Promise<T>): Promise<T | null> {
    const result = await limiters[caller].run(work);
    return result.kind === "done" ? result.value : null;
  }

  return {
    decoy,
    // Only who has proven something gets a password hashed: the setup link, or the password before.
    hash: (password) => limited("known", () => hashPassword(password, randomBytes, cost)),
    verify: (password, hash, caller) =>
      limited(caller, async () => (await verifyPassword(password, hash ?? decoy)) && hash !== null),
    isCurrent(hash) {
      const parsed = parsePasswordHash(hash);
      if (!parsed.ok) return false;
      const { memory, passes, parallelism } = parsed.value.cost;
      return memory === cost.memory && passes === cost.passes && parallelism === cost.parallelism;
    },
  };
}
