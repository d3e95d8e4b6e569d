const placeholder = "[redacted]";

/**
 * Removes the given secrets from a text before it is logged, stored or shown: as they are, percent-encoded, and in base64
 * (also as `user:secret` of an HTTP Basic header cannot be known, the header's whole value goes). User names and passwords
 * in URLs go too, known or not. Secrets shorter than 4 characters are left: removing them would tear the text apart.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    const trimmed = secret.trim();
    if (trimmed.length < 4) continue;
    forms.add(trimmed);
    forms.add(encodeURIComponent(trimmed));
    forms.add(Buffer.from(trimmed).toString("base64"));
    forms.add(Buffer.from(trimmed).toString("base64url"));
  }
  let result = text;
  // Longest first, so that a secret which is part of another one does not leave the rest of it behind.
  for (const form of [...forms].sort((a, b) => b.length - a.length)) result = result.replaceAll(form, placeholder);
  return redactUrls(result).replace(/(authorization:\s*(?:basic|bearer|token)\s+)\S+/gi, `$1${placeholder}`);
}

/** Removes `user:password@` and `token@` from every URL in a text. `git@host`, `ssh://git@host` carry no secret and stay. */
export function redactUrls(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*):\/\/([^\s/@'"]+)@/gi, (whole, scheme: string, user: string) =>
    scheme.toLowerCase() === "ssh" && !user.includes(":") ? whole : `${scheme}://${placeholder}@`,
  );
}
