import { pathToFileURL } from "node:url";
import { redactUrls } from "./redact.ts";

/** How git reaches a repository. `path` is a directory of this machine. */
export type RepoTransport = "https" | "http" | "ssh" | "file" | "path";

export type RepoUrlCheck = { ok: true; transport: RepoTransport } | { ok: false; fault: string; fix: string };

/** The short form of ssh, user@host:path, as user, host and path; a Windows path or a bare word is none. */
const SHORT_SSH = /^(?:([A-Za-z0-9_][\w.-]*)@)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][\w.-]*):(?!\/\/)([^:].*)$/;

const forms = "https://host/path, ssh://user@host/path, user@host:path, file:///path or /path";

/**
 * Whether a text is a repository URL that this project hands to git. Git itself takes more: `ext::` runs commands, a leading
 * dash is an option. A URL with a password in it is refused, since URLs appear in process lists and in `.git/config` (R32).
 */
export function checkRepoUrl(url: string): RepoUrlCheck {
  if (/[\s\p{Cc}]/u.test(url) || url === "") return refuse("it is empty or holds white space");
  if (url.startsWith("-")) return refuse("it begins with a dash");
  if (url.startsWith("/")) return { ok: true, transport: "path" };
  if (url.includes("://")) return checkWithScheme(url);
  if (/^[a-z][a-z0-9+.-]*::/i.test(url)) return refuse("it asks git to run a helper program");
  const short = SHORT_SSH.exec(url);
  if (short === null) return refuse("it is none of the forms that git reaches over a network or a file system");
  if (short[3]?.startsWith("-")) return refuse("its path begins with a dash");
  return { ok: true, transport: "ssh" };
}

function checkWithScheme(url: string): RepoUrlCheck {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return refuse("it cannot be read as a URL"); // Node says no more than that either.
  }
  const transport = parsed.protocol.slice(0, -1);
  if (transport !== "https" && transport !== "http" && transport !== "ssh" && transport !== "file") {
    return refuse(`${transport}:// is not one of https, http, ssh and file`);
  }
  const secretInside = parsed.password !== "" || ((transport === "https" || transport === "http") && parsed.username !== "");
  if (secretInside) {
    return {
      ok: false,
      fault: "it holds a user name or password, which would appear in process lists and in .git/config",
      fix: "Take it out of the URL and put it into the file that gitCredentialsFile (NIXFLEET_GIT_CREDENTIALS_FILE) names, one line: https://user:token@host",
    };
  }
  if (transport === "file") return parsed.hostname === "" ? { ok: true, transport } : refuse("file:// URLs name no host");
  // Such a host or path would reach ssh as an option (CVE-2017-1000117).
  if (parsed.hostname === "" || parsed.hostname.startsWith("-")) return refuse("it names no host");
  return { ok: true, transport };
}

function refuse(fault: string): RepoUrlCheck {
  return { ok: false, fault, fix: `Use one of: ${forms}.` };
}

/** The host of a repository that ssh reaches, as git names it to ssh; undefined: another transport reaches it. */
export function sshHost(url: string): string | undefined {
  const short = url.includes("://") ? null : SHORT_SSH.exec(url);
  const parsed = short === null ? URL.parse(url) : undefined;
  const host = short?.[2] ?? (parsed?.protocol === "ssh:" ? parsed.hostname : undefined);
  return host?.replace(/^\[|\]$/g, "");
}

/**
 * One text for all URLs of one repository, without secrets: `host/path` for what a network reaches, `/path` for a directory of this
 * machine. What only says how to get there is left out: scheme, user, password, the port of ssh and default ports, a query, `.git`,
 * slashes at the end, the case of the host. What is no such URL stays as it is, but for user names and passwords.
 */
export function canonicalRepoUrl(given: string): string {
  const url = redactUrls(given);
  if (url.startsWith("/")) return canonicalPath(pathToFileURL(url).pathname);
  const short = url.includes("://") ? null : SHORT_SSH.exec(url);
  // In the short form nothing of the path is an escape, a query or a fragment.
  const path = short?.[3]?.replace(/[%?#]/g, encodeURIComponent);
  const parsed = URL.parse(short === null ? url : `ssh://${short[2]}/${path}`);
  if (parsed?.protocol === "file:") return canonicalPath(parsed.pathname);
  if (parsed === null || !["https:", "http:", "ssh:"].includes(parsed.protocol)) return url;
  // The parser writes a host in one form only where the scheme is of the web.
  const host = parsed.protocol === "ssh:" ? URL.parse(`https://${parsed.hostname}`)?.host : parsed.host;
  return host === undefined ? url : host + canonicalPath(parsed.pathname);
}

function canonicalPath(path: string): string {
  return path
    .replace(/\/{2,}/g, "/")
    .replace(/\/$/, "")
    .replace(/\.git$/, "")
    .replace(/\/$/, "");
}

/** A path of a URL without slashes at its end. */
export function withoutTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
