import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

const NONCE = 12;
const TAG = 16;

/**
 * Uses of a principal's secret other than authentication. The dashboard does not store the secret, so sealed data cannot be read
 * from the database. The secret is held in closures only: no log and no JSON text of a key shows it.
 */
export interface SealingKey {
  /** Encrypts a text; `context` says what it is. */
  seal(text: string, context: string): string;
  /** The text; null: sealed by another key or for another context, or changed. */
  unseal(sealed: string, context: string): string | null;
  /** A fingerprint that reveals nothing about the text without the secret. */
  fingerprint(text: string): string;
}

/** Seals by AES-256-GCM, under a key for each context (HKDF, RFC 5869). */
export function createSealingKey(secret: string, randomBytes: (size: number) => Buffer): SealingKey {
  const keyFor = (context: string) => Buffer.from(hkdfSync("sha256", secret, "", `nixfleet ${context}`, 32));
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv("aes-256-gcm", keyFor(context), nonce);
      return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
    },

    unseal(sealed, context) {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.length < NONCE + TAG) return null;
      const decipher = createDecipheriv("aes-256-gcm", keyFor(context), bytes.subarray(0, NONCE));
      decipher.setAuthTag(bytes.subarray(-TAG));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString("utf8");
      } catch {
        return null; // OpenSSL says only that the tag does not fit: another key.
      }
    },

    fingerprint: (text) => createHmac("sha256", keyFor("fingerprint")).update(text).digest("hex"),
  };
}
