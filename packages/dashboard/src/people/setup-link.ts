import { createHash, timingSafeEqual } from "node:crypto";

const TOKEN_LIFETIME = 60 * 60_000;

/** The one-time link that creates the first administrator. Only the token's hash is kept, in memory: a restart issues a new one. */
export interface SetupLink {
  /** Issues a new token, valid for an hour; invalidates earlier ones. */
  issue(): string;
  /** Whether this is the token, neither expired nor used. It stays valid until `use`. */
  isValid(token: string): boolean;
  /** Invalidates the token after its use. */
  use(): void;
}

export function createSetupLink({ now, randomBytes }: { now(): number; randomBytes(size: number): Buffer }): SetupLink {
  let current: { hash: Buffer; until: number } | null = null;
  return {
    issue() {
      const token = randomBytes(32).toString("base64url");
      current = { hash: digest(token), until: now() + TOKEN_LIFETIME };
      return token;
    },
    isValid: (token) => current !== null && now() < current.until && timingSafeEqual(digest(token), current.hash),
    use() {
      current = null;
    },
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
