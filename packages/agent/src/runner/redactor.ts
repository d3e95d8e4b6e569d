import { readUntrusted, redact } from "@nixfleet/runtime";
import { proxySecrets } from "../link/proxy.ts";
import type { RunnerDeps } from "./deps.ts";

/** Removes this host's secrets from a text before it becomes an event. */
export type Redactor = (text: string) => string;

/** Most lines hold nothing like a secret: a look at them is cheap, the whole search is not. */
const SUSPICIOUS = /:\/\/[^\s/]*@|authorization:|[?&][\w-]{1,60}=/i;

export function createRedactor(secrets: readonly string[]): Redactor {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
  ]);
  return (text) => (SUSPICIOUS.test(text) || forms.some((form) => text.includes(form)) ? redact(text, secrets) : text);
}

/** The same redactor for a run that has a secret of its own. */
export function redactAlso(redactHost: Redactor, secret: string | undefined): Redactor {
  if (secret === undefined) return redactHost;
  const redactOwn = createRedactor([secret]);
  return (text) => redactOwn(redactHost(text));
}

/** What must never be said of this host: the passwords that git and its proxies are given. */
export async function readHostSecrets({ config, env }: Pick<RunnerDeps, "config" | "env">): Promise<string[]> {
  return [...(await readCredentialSecrets(config.credentials.credentialsFile)), ...proxySecrets(env)];
}

/** Passwords and tokens in a file of lines `https://user:token@host`, as git-credential-store(1) has them. */
async function readCredentialSecrets(path: string | undefined): Promise<string[]> {
  if (path === undefined) return [];
  const read = await readUntrusted(path, 1024 * 1024);
  if (read.kind !== "ok") return []; // Git will say that it cannot read it.
  return read.bytes
    .toString("utf8")
    .split("\n")
    .flatMap((line) => secretsOf(/^[a-z+]+:\/\/([^:@/]*)(?::([^@/]*))?@/.exec(line.trim())))
    .flatMap((secret) => [secret, decode(secret)])
    .filter((secret) => secret.length >= 4);
}

/** Forges take a token as the user name too, with this word for a password or without one. */
const NO_PASSWORD = ["", "x-oauth-basic"];

function secretsOf(credentials: RegExpExecArray | null): string[] {
  if (credentials === null) return [];
  const [, user = "", password = ""] = credentials;
  return [NO_PASSWORD.includes(password) ? user : password];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A stray percent sign: the text stands for itself.
  }
}
