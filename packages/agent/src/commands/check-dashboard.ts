import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import { AGENT_LINK_PATH } from "@nixfleet/protocol";
import type { DialFailure } from "../link/link-socket.ts";
import { type LinkUrl, linkUrl } from "../link/link-url.ts";
import { type HttpProxy, type Route, routeTo } from "../link/proxy.ts";
import { requestBy } from "../link/request.ts";
import { connectThrough, ProxyFailure } from "../link/tunnel.ts";
import { createWsDial } from "../link/ws-dial.ts";
import type { DaemonSettings } from "../settings.ts";
import { AGENT_VERSION } from "../version.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import type { Environment } from "./read-settings.ts";

/** Milliseconds that one look over the network may take. */
const LIMIT = 20_000;
/** By how many milliseconds this host's clock may differ from the dashboard's, whose header counts in seconds. */
const CLOCK_TOLERANCE = 30_000;

/** What depends on the dashboard: each is looked at only when the one before it holds. */
export async function checkDashboard({ url, token }: DaemonSettings, env: Environment): Promise<Finding[]> {
  const link = linkUrl(url);
  if (!link.ok) throw new Error(`the settings are valid, but: ${link.fault}`);
  const route = routeTo(link.url, env);
  const tls = await checkTls(link, route);
  if (tls.state !== "ok") {
    const detail = "skipped: the dashboard cannot be reached";
    return [tls, ...["websocket", "token", "clock"].map((name) => unknown(name, detail))];
  }
  return [tls, ...(await checkUpgrade(link.url, token, route)), await checkClock(link.url, route)];
}

/** Whether a connection to the dashboard can be opened, with its certificate verified where the address asks for one. */
async function checkTls(link: Extract<LinkUrl, { ok: true }>, route: Route): Promise<Finding> {
  const { url, encrypted, loopback } = link;
  const { host } = new URL(url);
  const way = wayOf(route);
  const failure = route.kind === "proxy" ? await tryProxy(route.proxy, url) : await tryStraight(link);
  if (failure === undefined && encrypted) return holds("tls", `${host} has a certificate that is trusted here${way}`);
  if (failure === undefined) {
    const detail = loopback ? "not needed on loopback" : "not used: the token can be read on the way. https:// is safer";
    return holds("tls", `${detail}${way}`);
  }
  if (failure instanceof ProxyFailure) {
    const fix = "Check http_proxy, https_proxy and no_proxy, on NixOS networking.proxy, and what the proxy allows.";
    return fails("tls", `${host}: ${failure.message}`, fix);
  }
  const code = (failure as NodeJS.ErrnoException).code ?? "";
  const reached = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code);
  const fix = reached
    ? "Give the dashboard a certificate of a known authority, or trust your own authority: security.pki.certificateFiles on NixOS and nix-darwin, elsewhere NODE_EXTRA_CA_CERTS of the services. If it speaks no TLS, use http://."
    : "Check url (NIXFLEET_URL), this host's network and name resolution, and whether the dashboard runs.";
  // Behind a semicolon Node advises an option of its own, which a service cannot be given.
  return fails("tls", `${host}: ${failure.message.split(";", 1)[0] || code}${way}`, fix);
}

function wayOf(route: Route): string {
  if (route.kind === "proxy") return `, through the proxy of ${route.proxy.variable}`;
  return route.fault === undefined ? "" : ` (${route.fault})`;
}

/** Undefined: the connection opens. */
async function tryProxy(proxy: HttpProxy, url: string): Promise<Error | undefined> {
  try {
    (await connectThrough(proxy, url)).destroy();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function tryStraight({ url, encrypted }: Extract<LinkUrl, { ok: true }>): Promise<Error | undefined> {
  const { hostname, port } = new URL(url);
  const target = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (encrypted ? 443 : 80)) };
  return new Promise((resolve) => {
    const isName = !/^[\d.]+$|:/.test(target.host);
    const socket = encrypted ? connectTls({ ...target, ...(isName && { servername: target.host }) }) : connectPlain(target);
    socket.setTimeout(LIMIT, () => socket.destroy(new Error(`no answer within ${LIMIT / 1000} s`)));
    socket.once(encrypted ? "secureConnect" : "connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", resolve);
  });
}

/** Opens the link as the daemon does, and says nothing on it. */
async function checkUpgrade(url: string, token: string, route: Route): Promise<Finding[]> {
  const failure = await new Promise<DialFailure | undefined>((resolve) => {
    const dialing = createWsDial({ url, token, userAgent: `nixfleet-agent/${AGENT_VERSION} (check)`, route })({
      onOpen(socket) {
        clearTimeout(timer);
        socket.onClose(() => resolve(undefined));
        socket.close(1000, "check");
        setTimeout(() => socket.terminate(), 1000).unref();
      },
      onFailure(reason) {
        clearTimeout(timer);
        resolve(reason);
      },
    });
    const timer = setTimeout(() => {
      dialing.cancel();
      resolve({ kind: "timeout", detail: `The link did not open within ${LIMIT / 1000} s.` });
    }, LIMIT);
  });
  const opens: Finding = { name: "websocket", state: "ok", detail: `${url} opens` };
  if (failure === undefined) return [opens, { name: "token", state: "ok", detail: "the dashboard accepts it" }];
  if (failure.kind === "unauthorized") {
    const fix =
      "Replace token on this host's page of the dashboard, put the new one into the file of tokenFile (NIXFLEET_TOKEN_FILE), and restart the agent.";
    return [
      { name: "websocket", state: "ok", detail: `${url} answers` },
      { name: "token", state: "failed", detail: failure.detail, fix },
    ];
  }
  const fix =
    "Check the path in url (NIXFLEET_URL); a reverse proxy must pass on WebSocket upgrades (Connection and Upgrade headers).";
  return [
    { name: "websocket", state: "failed", detail: failure.detail, fix },
    { name: "token", state: "unknown", detail: "skipped: the link does not open" },
  ];
}

/** Whether the two clocks agree: certificates, tokens and the order of events depend on them. The token is not sent. */
async function checkClock(url: string, route: Route): Promise<Finding> {
  const health = `${url.slice(0, -AGENT_LINK_PATH.length).replace(/^ws/, "http")}/health`;
  const before = Date.now();
  let header: string | undefined;
  try {
    const response = await requestBy(route, health, { method: "GET", signal: AbortSignal.timeout(LIMIT) });
    header = response.headers.date;
    response.destroy();
  } catch (error) {
    return unknown("clock", `${health} does not answer: ${(error as Error).message}`);
  }
  return clockFinding(header, { before, after: Date.now() });
}

/** Judges the Date header of an answer that came between two moments of this host's clock. */
export function clockFinding(header: string | undefined, { before, after }: { before: number; after: number }): Finding {
  const theirs = header === undefined ? Number.NaN : Date.parse(header);
  if (Number.isNaN(theirs)) return unknown("clock", "the dashboard sends no time");
  const skew = Math.max(before - (theirs + 1000), theirs - after, 0);
  if (skew <= CLOCK_TOLERANCE) return holds("clock", "agrees with the dashboard's");
  const detail = `differs from the dashboard's by ${Math.round(skew / 1000)} s`;
  return fails("clock", detail, "Synchronise the time on both machines, for example with services.timesyncd or chrony.");
}
