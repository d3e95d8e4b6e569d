import { AGENT_LINK_PATH } from "@nixfleet/protocol";
import { withoutTrailingSlashes } from "@nixfleet/runtime";

export type LinkUrl = { ok: true; url: string; encrypted: boolean; loopback: boolean } | { ok: false; fault: string };

/**
 * The address of the link from the dashboard's address as people write it (R36): http, https, ws or wss, with or without a
 * path, also with the link's own path already in it. A user name, password, query or fragment is refused: the token is the
 * only credential, and URLs are logged.
 */
export function linkUrl(text: string): LinkUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { ok: false, fault: "it is not a URL" }; // Node says no more than that either.
  }
  const scheme = { "http:": "ws:", "ws:": "ws:", "https:": "wss:", "wss:": "wss:" }[url.protocol];
  if (scheme === undefined) return { ok: false, fault: "it begins with none of https://, http://, wss:// and ws://" };
  if (url.hostname === "") return { ok: false, fault: "it names no host" };
  if (url.username !== "" || url.password !== "") return { ok: false, fault: "it holds a user name or password" };
  if (url.search !== "" || url.hash !== "") return { ok: false, fault: "it holds a query or a fragment" };
  const base = withoutTrailingSlashes(url.pathname);
  const path = base.endsWith(AGENT_LINK_PATH) ? base : `${base}${AGENT_LINK_PATH}`;
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  return { ok: true, url: `${scheme}//${url.host}${path}`, encrypted: scheme === "wss:", loopback };
}
