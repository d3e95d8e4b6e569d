import { BlockList, isIP } from "node:net";

type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that connects by CONNECT (RFC 9110, section 9.3.6). */
export interface HttpProxy {
  /** The variable that names it. */
  variable: string;
  /** Without brackets. */
  host: string;
  port: number;
  /** The proxy itself is spoken to over TLS. */
  encrypted: boolean;
  /** Value of the header Proxy-Authorization. Secret (R58). */
  authorization: string | undefined;
}

/** How a connection to an address is made. */
export type Route = { kind: "direct"; fault?: string } | { kind: "proxy"; proxy: HttpProxy };

const FOR_ALL = ["all_proxy", "ALL_PROXY"] as const;
const BY_SCHEME = {
  encrypted: ["https_proxy", "HTTPS_PROXY", ...FOR_ALL],
  plain: ["http_proxy", "HTTP_PROXY", ...FOR_ALL],
} as const;
/** Each variable that may name a proxy. */
const PROXY_VARIABLES = [...new Set([...BY_SCHEME.encrypted, ...BY_SCHEME.plain])];

/**
 * The way to an address (http, https, ws or wss) by the environment, as curl(1) reads it under ENVIRONMENT, so that one setting means the
 * same to the agent, git and Nix: the lower-case name first, an empty one is none, `no_proxy` names domains with all below them. Two
 * things are added: `no_proxy` may name a port, as for Node and Go, and a loopback address is never the proxy's, as for Go. A
 * proxy that cannot be used is none, and `fault` says why: a host whose variables are meant for others must stay in reach.
 */
export function routeTo(address: string, env: Environment): Route {
  const url = new URL(address);
  const encrypted = url.protocol === "https:" || url.protocol === "wss:";
  const variable = BY_SCHEME[encrypted ? "encrypted" : "plain"].find((name) => isSet(env[name]));
  const target = { host: plainHost(url.hostname), port: Number(url.port || (encrypted ? 443 : 80)) };
  if (variable === undefined || isLoopback(target.host)) return { kind: "direct" };
  const excepted = [env["no_proxy"], env["NO_PROXY"]].find(isSet) ?? "";
  if (isExcepted(target, excepted)) return { kind: "direct" };
  const read = readProxy(env[variable] ?? "");
  if (typeof read === "string") return { kind: "direct", fault: `${variable} is not used: ${read}` };
  return { kind: "proxy", proxy: { ...read, variable } };
}

/** What must never be shown of the proxies of an environment: passwords in each form in which they appear. */
export function proxySecrets(env: Environment): string[] {
  return PROXY_VARIABLES.flatMap((name) => {
    const url = proxyUrl(env[name] ?? "");
    if (url === undefined || url.password === "") return [];
    const { user, password } = credentialsOf(url);
    return [url.password, password, Buffer.from(`${user}:${password}`).toString("base64")];
  }).filter((secret) => secret.length >= 4);
}

/** A proxy as its variable names it; a text says why it cannot be used, without what the variable holds. */
function readProxy(text: string): Omit<HttpProxy, "variable"> | string {
  const url = proxyUrl(text);
  if (url === undefined || url.hostname === "") return "it is no address of a proxy";
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== "http" && scheme !== "https") return `a proxy of the kind ${scheme} cannot be spoken to, only http and https`;
  const encrypted = scheme === "https";
  const { user, password } = credentialsOf(url);
  const isNamed = user !== "" || password !== "";
  return {
    host: plainHost(url.hostname),
    // Without a port it is curl's own: a URL hides one that is its scheme's, so it is read from the text.
    port: Number(/:(\d{1,5})(?:\/|$)/.exec(text.slice(text.lastIndexOf("@") + 1))?.[1] ?? (encrypted ? 443 : 1080)),
    encrypted,
    authorization: isNamed ? `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` : undefined,
  };
}

function proxyUrl(text: string): URL | undefined {
  const full = text.includes("://") ? text : `http://${text}`;
  return text.trim() !== "" && URL.canParse(full) ? new URL(full) : undefined;
}

function credentialsOf({ username, password }: URL): { user: string; password: string } {
  return { user: decode(username), password: decode(password) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A percent sign that begins no code is one.
  }
}

interface Target {
  /** In lower case, without brackets or a dot at its end. */
  host: string;
  port: number;
}

/** Whether a list as `no_proxy` has it, separated by commas or white space, names the target. */
function isExcepted({ host, port }: Target, list: string): boolean {
  const entries = list.toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    if (entry === "" || entry === "*") return entry === "*";
    // One colon, or one behind brackets: others are those of an IPv6 address.
    const [, before, after] = /^([^:]+|\[[^\]]*\]):(\d{1,5})$/.exec(entry) ?? [undefined, entry, undefined];
    if (after !== undefined && Number(after) !== port) return false;
    const named = plainHost(before ?? "");
    if (isIP(host) !== 0) return holdsAddress(named, host);
    const domain = named.replace(/^(\*?\.)/, "");
    return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
  });
}

/** Whether an entry (an address, `address/bits`, or `first-last`) holds an address. */
function holdsAddress(entry: string, address: string): boolean {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  const [first = "", bits] = entry.split("/", 2);
  const [low = "", high] = first.split("-", 2);
  if (isIP(low) !== isIP(address)) return false;
  const block = new BlockList();
  if (high !== undefined) {
    if (isIP(high) !== isIP(address) || bits !== undefined) return false;
    try {
      block.addRange(low, high, family);
    } catch {
      return false; // The first is behind the last: there is nothing between them.
    }
  } else if (bits === undefined) block.addAddress(low, family);
  else if (!/^\d{1,3}$/.test(bits) || Number(bits) > (family === "ipv6" ? 128 : 32)) return false;
  else block.addSubnet(low, Number(bits), family);
  return block.check(address, family);
}

function plainHost(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== "";
}
