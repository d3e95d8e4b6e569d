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
  return redactQueries(redactUrls(result)).replace(/(authorization:\s*(?:basic|bearer|token)\s+)\S+/gi, `$1${placeholder}`);
}

/** Parameters of a URL that hold what opens it: those of forges, registries and signed links. */
const SECRET_PARAMETER = /([?&][\w-]{0,40}(?:token|secret|password|signature|api[_-]?key|sig)=)[^\s&#'"]+/gi;

function redactQueries(text: string): string {
  return text.replace(SECRET_PARAMETER, `$1${placeholder}`);
}

const SCHEME = /[a-z0-9+.-]/i;
/** Ends what may stand before the `@` of a URL's authority. */
const END = /[\s/'"]/;
/** No scheme is longer: what comes before that is other text. */
const LONGEST_SCHEME = 32;

/**
 * Removes `user:password@` and `token@` from every URL in a text. `git@host`, `ssh://git@host` carry no secret and stay. Looks at each
 * character a bounded number of times, whatever the text is: it comes from servers and builds.
 */
export function redactUrls(text: string): string {
  let result = "";
  let copied = 0;
  for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", at + 3)) {
    const from = at + 3;
    let end = from;
    let user = -1;
    for (; end < text.length && !END.test(text.charAt(end)); end++) if (text.charAt(end) === "@") user = end;
    if (user <= from) continue;
    const scheme = schemeBefore(text, at);
    if (scheme === "" || (scheme === "ssh" && !text.slice(from, user).includes(":"))) continue;
    result += `${text.slice(copied, from)}${placeholder}`;
    copied = user;
  }
  return result + text.slice(copied);
}

/** In lower case; empty: nothing there is a letter. */
function schemeBefore(text: string, end: number): string {
  let start = end;
  while (start > 0 && end - start < LONGEST_SCHEME && SCHEME.test(text.charAt(start - 1))) start--;
  return text
    .slice(start, end)
    .replace(/^[0-9+.-]+/, "")
    .toLowerCase();
}
