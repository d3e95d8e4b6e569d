import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

const NONCE = 12;
const TAG = 16;

/**
 * Encrypts a text so that only who holds the session's secret, which is stored nowhere, can read it: AES-256-GCM under a key of
 * its own for each context (HKDF, RFC 5869).
 */
export function seal(text: string, secret: string, context: string, randomBytes: (size: number) => Buffer): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", keyOf(secret, context), nonce);
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
}

/** The text, or null if it was sealed with another secret or for another context, or was changed. */
export function unseal(sealed: string, secret: string, context: string): string | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < NONCE + TAG) return null;
  const decipher = createDecipheriv("aes-256-gcm", keyOf(secret, context), bytes.subarray(0, NONCE));
  decipher.setAuthTag(bytes.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString("utf8");
  } catch {
    return null; // OpenSSL says only that the tag does not fit: another secret.
  }
}

/** A fingerprint that says nothing of the text to who does not hold the secret. */
export function keyedFingerprint(text: string, secret: string): string {
  return createHmac("sha256", keyOf(secret, "fingerprint")).update(text).digest("hex");
}

function keyOf(secret: string, context: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `nixfleet ${context}`, 32));
}
