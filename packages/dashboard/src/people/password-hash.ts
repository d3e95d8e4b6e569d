import { argon2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

/** Cost of argon2id: memory in KiB, passes over it, lanes. */
export interface Argon2Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The minimum of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes; about 45 ms of one core. */
export const ARGON2_COST: Argon2Cost = { memory: 19_456, passes: 2, parallelism: 1 };

const HASH_BYTES = 32;
const SALT_BYTES = 16;

interface PasswordHash {
  readonly cost: Argon2Cost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const derive = promisify(argon2);

/**
 * Hashes a password with argon2id (RFC 9106) into a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
 * The password is normalised first (NFKC), so that the encoding of accents does not matter.
 */
export async function hashPassword(
  password: string,
  randomBytes: (size: number) => Buffer,
  cost: Argon2Cost = ARGON2_COST,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await compute(password, salt, HASH_BYTES, cost);
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Whether the password matches the hash, in constant time. Throws if the hash is malformed. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const parsed = parsePasswordHash(phc);
  if (!parsed.ok) throw new Error(`A password hash cannot be read: ${parsed.fault}`);
  const { cost, salt, hash } = parsed.value;
  return timingSafeEqual(await compute(password, salt, hash.length, cost), hash);
}

/**
 * Reads a PHC string of argon2id. Costs are limited, so that a hash cannot make every sign-in exhaust the machine's
 * memory.
 */
export function parsePasswordHash(phc: string): { ok: true; value: PasswordHash } | { ok: false; fault: string } {
  const match = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/.exec(
    phc,
  );
  if (match === null) return { ok: false, fault: "an argon2id hash is expected: $argon2id$v=19$m=…,t=…,p=…$salt$hash" };
  const [, memory, passes, parallelism, salt = "", hash = ""] = match;
  const cost: Argon2Cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const bounded =
    cost.parallelism >= 1 &&
    cost.parallelism <= 16 &&
    cost.passes >= 1 &&
    cost.passes <= 32 &&
    cost.memory >= 8 * cost.parallelism &&
    cost.memory <= 1024 ** 2;
  if (!bounded) return { ok: false, fault: "its cost is out of bounds: m up to 1048576 (1 GiB), t up to 32, p up to 16" };
  return { ok: true, value: { cost, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") } };
}

function compute(password: string, salt: Buffer, tagLength: number, cost: Argon2Cost): Promise<Buffer> {
  const message = Buffer.from(password.normalize("NFKC"), "utf8");
  return derive("argon2id", { message, nonce: salt, tagLength, ...cost });
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/={1,2}$/, "");
}
