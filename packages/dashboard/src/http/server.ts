import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, BlockList } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { AGENT_LINK_PATH, LIVE_PATH } from "@nixfleet/protocol";
import type { Hono } from "hono";
import type { Logger } from "../logger.ts";
import type { SessionPrincipal } from "../people/index.ts";
import { problemResponse, refuseUpgrade } from "../problem.ts";
import type { Authentication } from "./authentication.ts";
import { clientAddress } from "./client-address.ts";
import type { Origins } from "./origins.ts";

/**
 * Seconds until whoever comes before `open` or after `stop` is to come back. A time is named, so that agents come back soon instead of by
 * their backoff, which grows with each refusal: a host within its confirm window has no half a minute left (R68).
 */
const RETRY_AFTER = 1;

/** A request that wants to become a WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The client address, with proxies taken into account. */
  readonly address: string;
}

export interface HttpServer {
  /** Starts listening and returns the port. Rejects if the address is in use or not available. */
  listen(address: string, port: number): Promise<number>;
  /** Why it does not answer requests yet, for people: one sentence. */
  explain(reason: string): void;
  /** Starts to answer requests. Earlier upgrades are refused. */
  open(parts: { app: Hono; origins: Origins; authentication: Authentication; onAgent: OnAgent; onLive: OnLive }): void;
  /** Accepts no more requests, and ends active ones after `grace` milliseconds. */
  stop(grace: number): Promise<void>;
}

type OnAgent = (upgrade: Upgrade) => void;
type OnLive = (upgrade: Upgrade, session: SessionPrincipal) => void;

export interface HttpServerDeps {
  readonly log: Logger;
  readonly trustedProxies: BlockList | undefined;
}

/** The HTTP server: limits, requests and WebSocket upgrades. */
export function createHttpServer({ log, trustedProxies }: HttpServerDeps): HttpServer {
  let parts: Parameters<HttpServer["open"]>[0] | null = null;
  let reason = "The dashboard is starting or stopping.";
  const notOpen = () => ({ detail: reason, retryAfter: RETRY_AFTER });
  const refuse = (request: Request) =>
    request.headers.get("Accept")?.includes("text/html") ? waitingPage(reason) : problemResponse("unavailable", notOpen());
  const listener = getRequestListener((request, env) => parts?.app.fetch(request, env) ?? refuse(request), {
    overrideGlobalObjects: false,
  });
  const server: Server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5000,
      // Any other protocol is ignored, and the request answered as it is (RFC 9110, section 7.8): curl offers h2c by itself.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );

  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A client that does not speak HTTP gets one response and is disconnected; not worth a warning.
    log.debug({ err: error }, "A request could not be read");
    const code = error.code === "HPE_HEADER_OVERFLOW" ? "too-large" : "invalid-request";
    if (socket.writable) refuseUpgrade(socket, code);
    else socket.destroy();
  });

  // Once upgraded, a socket is no longer among the server's connections, but still keeps it from closing.
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    // Without a listener a reset by the other side would end the process.
    socket.on("error", (error) => log.debug({ err: error }, "A socket failed during its upgrade"));
    void upgrade(request, socket, head).catch((error: unknown) => {
      log.error({ err: error }, "An upgrade failed with an internal error");
      refuseUpgrade(socket, "internal");
    });
  });

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (parts === null) return refuseUpgrade(socket, "unavailable", notOpen());
    const path = (request.url ?? "").split("?")[0];
    const forwarded = request.headers["x-forwarded-for"];
    const address = clientAddress(
      request.socket.remoteAddress,
      Array.isArray(forwarded) ? forwarded.join(",") : (forwarded ?? null),
      trustedProxies,
    );
    if (path === AGENT_LINK_PATH) return parts.onAgent({ request, socket, head, address });
    if (path !== LIVE_PATH) return refuseUpgrade(socket, "not-found");
    // Browsers let any site open a WebSocket with our cookies, so check the Origin (R53).
    if (!parts.origins.has(request.headers.origin)) return refuseUpgrade(socket, "cross-site");
    const { authorization = null, cookie = null } = request.headers;
    const principal = await parts.authentication({ authorization, cookie });
    if (principal === null) return refuseUpgrade(socket, "not-signed-in");
    if (principal.kind !== "session") return refuseUpgrade(socket, "session-needed");
    parts.onLive({ request, socket, head, address }, principal);
  }

  return {
    listen(address, port) {
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address, port }, () => {
          server.off("error", reject);
          resolve((server.address() as AddressInfo).port);
        });
      });
    },
    explain(why) {
      reason = why;
    },
    open(openParts) {
      parts = openParts;
    },
    async stop(grace) {
      parts = null;
      reason = "The dashboard is stopping.";
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => {
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }, grace);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** What a browser is shown while there is no page to serve. It comes again by itself. */
function waitingPage(reason: string): Response {
  const text = reason.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="5"><title>NixFleet is not ready</title><main style="max-width:40rem;margin:4rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif"><h1>NixFleet is not ready</h1><p>${text}</p><p>This page reloads by itself. The dashboard's log has the details.</p></main></html>`;
  return new Response(html, {
    status: 503,
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
      "Retry-After": String(RETRY_AFTER),
    },
  });
}
