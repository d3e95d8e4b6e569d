import { createHash } from "node:crypto";

const TOKEN = /^nf_([A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)_([A-Za-z0-9_-]{43})$/;

/** A new token for a host: 256 random bits, with the host's name so that a person can tell tokens apart. */
export function makeToken(hostName: string, randomBytes: (count: number) => Uint8Array): string {
  return `nf_${hostName}_${Buffer.from(randomBytes(32)).toString("base64url")}`;
}

/**
 * The stored form of a token. A plain hash is enough: 256 random bits cannot be guessed, and the time of a hash lookup does not
 * depend on the token (R51).
 */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The name in a well-formed token; proves nothing. */
export function nameInToken(token: string): string | null {
  return TOKEN.exec(token)?.[1] ?? null;
}
