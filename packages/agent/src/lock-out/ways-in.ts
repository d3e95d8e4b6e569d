import type { Firewall } from "./firewall.ts";
import type { SshServer } from "./sshd-config.ts";

/** A public key that may log in. */
export interface AuthorizedKey {
  /** Type and key, without options and comment: what makes it this key and no other. */
  id: string;
  /** How a person knows it: its comment, else the end of the key. */
  label: string;
  /** `from="…"`, `command="…"`: what narrows its use; empty: nothing. */
  options: string;
}

export type Ssh =
  /** The closure leaves it to somebody else whether a server runs. */
  { kind: "unmanaged" } | { kind: "off" } | { kind: "on"; server: SshServer };

/** What of a closure decides how a host that runs it is reached, as far as its files say. Absent: they do not say it. */
export interface WaysIn {
  /** The name of the host. */
  hostname: string | undefined;
  /** Where the agent that the closure installs connects to; undefined: it installs none. */
  agent: { url: string | undefined } | undefined;
  ssh: Ssh;
  /** Root and those who may become root, and can log in. Undefined: accounts are made in a way that is not read here. */
  admins: readonly string[] | undefined;
  /** Keys in the configuration, by user. */
  keys: ReadonlyMap<string, readonly AuthorizedKey[]>;
  firewall: Firewall;
}

const TYPE =
  /^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)(?:-cert-v01@openssh\.com)?$/;

/** The keys of an `authorized_keys` file (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
export function parseAuthorizedKeys(text: string): AuthorizedKey[] {
  return text.split("\n").flatMap((line) => {
    const words = line.trim().split(/[ \t]+/);
    if (line.trim().startsWith("#")) return [];
    // Options can hold spaces within quotes: the key begins where its type does.
    const at = words.findIndex((word) => TYPE.test(word));
    const [type, key, ...comment] = at < 0 ? [] : words.slice(at);
    if (type === undefined || key === undefined) return [];
    const label = comment.length > 0 ? comment.join(" ") : `…${key.slice(-12)}`;
    return [{ id: `${type} ${key}`, label, options: words.slice(0, at).join(" ") }];
  });
}
