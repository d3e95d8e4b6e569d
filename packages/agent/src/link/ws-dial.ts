import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { AGENT_SUBPROTOCOL, MAX_FRAME_BYTES, plainText } from "@nixfleet/protocol";
import { WebSocket } from "ws";
import * as z from "zod";
import type { Dial, DialFailure, DialHandlers, LinkSocket } from "./link-socket.ts";
import type { Route } from "./proxy.ts";
import { connectThrough, ProxyFailure } from "./tunnel.ts";

export interface WsDialOptions {
  /** As `linkUrl` gives it. */
  url: string;
  token: string;
  /** Told to the dashboard's log. */
  userAgent: string;
  /** The way to it. Absent: straight. */
  route?: Route;
}

/**
 * Dials by `ws`. Certificates are verified (R32) and redirects are not followed, since both would hand the token to somebody
 * else. The token is in a header only: never in a URL, an argument or a message.
 */
export function createWsDial(options: WsDialOptions): Dial {
  const { url, route = { kind: "direct" } } = options;
  return (handlers) => {
    if (route.kind === "direct") return openLink(options, handlers);
    const cancelled = new AbortController();
    let opening: ReturnType<Dial> | undefined;
    void connectThrough(route.proxy, url, cancelled.signal).then(
      (connection) => {
        if (cancelled.signal.aborted) connection.destroy();
        else opening = openLink(options, handlers, connection);
      },
      (error: unknown) => {
        if (!cancelled.signal.aborted)
          handlers.onFailure(explainError(error instanceof Error ? error : new Error(String(error))));
      },
    );
    return {
      cancel() {
        cancelled.abort();
        opening?.cancel();
      },
    };
  };
}

/** Opens the link over a connection of its own, else over the one that is given. */
function openLink(
  { url, token, userAgent }: WsDialOptions,
  { onOpen, onFailure }: DialHandlers,
  connection?: Socket,
): ReturnType<Dial> {
  let settled = false;
  const socket = new WebSocket(url, [AGENT_SUBPROTOCOL], {
    headers: { authorization: `Bearer ${token}`, "user-agent": userAgent },
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    followRedirects: false,
    ...(connection !== undefined && { createConnection: () => connection }),
  });
  const fail = (failure: DialFailure) => {
    if (settled) return;
    settled = true;
    onFailure(failure);
  };
  socket.once("open", () => {
    if (settled) return;
    settled = true;
    onOpen(asLinkSocket(socket));
  });
  socket.once("unexpected-response", (request, response) => {
    void readReason(response).then((reason) => {
      fail(explainResponse(response, reason));
      request.destroy();
    });
  });
  // Stays for the socket's whole life: whatever breaks it, its close tells the rest.
  socket.on("error", (error: NodeJS.ErrnoException) => fail(explainError(error)));
  return {
    cancel() {
      settled = true;
      socket.terminate();
    },
  };
}

function asLinkSocket(socket: WebSocket): LinkSocket {
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    ping() {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
    onMessage(handler) {
      socket.removeAllListeners("message");
      socket.on("message", (data, isBinary) => {
        if (isBinary) socket.close(1003, "only text frames are accepted");
        else handler((data as Buffer).toString()); // `nodebuffer` is the binary type of every ws socket.
      });
    },
    onClose(handler) {
      socket.removeAllListeners("close");
      socket.once("close", (code, reason) => handler(code, reason.toString()));
    },
    onControl(handler) {
      socket.on("ping", handler);
      socket.on("pong", handler);
    },
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  };
}

/** Why a dashboard refuses, as its problem document (RFC 9457) says; nothing else of a body is read. */
async function readReason(response: IncomingMessage): Promise<string | undefined> {
  if (!response.headers["content-type"]?.startsWith("application/problem+json")) return undefined;
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      text += chunk;
      if (text.length > 16_384) return undefined;
    }
    const document = RefusalDocument.safeParse(JSON.parse(text)).data;
    return document?.detail ?? document?.title;
  } catch {
    return undefined; // Cut off, or no JSON: the status tells enough.
  }
}

/** What an agent reads of a problem document: the title says what is wrong, the detail, where there is one, says it exactly. */
const RefusalDocument = z.object({ title: plainText(500), detail: plainText(500).optional() });

function explainResponse({ statusCode = 0, headers }: IncomingMessage, reason: string | undefined): DialFailure {
  const named = Number(headers["retry-after"]);
  const retryAfter = Number.isInteger(named) && named >= 0 ? { retryAfter: named } : {};
  const why = reason === undefined ? "." : `: ${reason}`;
  if (statusCode === 401 || statusCode === 403) {
    return {
      kind: "unauthorized",
      detail: `The dashboard does not accept this host's token (HTTP ${statusCode}).`,
      ...retryAfter,
    };
  }
  const location = statusCode >= 300 && statusCode < 400 ? originOf(headers.location) : undefined;
  const where = location === undefined ? "" : ` and points to ${location}`;
  return {
    kind: "not-a-dashboard",
    detail: `The server answers HTTP ${statusCode} instead of opening the link${where}${why}`,
    ...retryAfter,
  };
}

/** Scheme and host of a redirect: its path and query may be anything, and are not for a log. */
function originOf(location: string | undefined): string | undefined {
  return location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined;
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nobody listens at the dashboard's address.",
  ENOTFOUND: "The dashboard's name is not known to the resolver.",
  EAI_AGAIN: "No resolver answers, so the dashboard's name cannot be looked up.",
  ENETUNREACH: "There is no network to the dashboard.",
  EHOSTUNREACH: "There is no route to the dashboard.",
  ETIMEDOUT: "The dashboard does not answer.",
  ECONNRESET: "The connection was cut before the link was open.",
};

function explainError(error: NodeJS.ErrnoException): DialFailure {
  if (error instanceof ProxyFailure) return { kind: "unreachable", detail: error.message };
  const { code = "", message } = error;
  // OpenSSL's and Node's names for what is wrong with a certificate or a handshake (nodejs.org, tls, "X509 certificate error codes").
  if (/CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$|HOSTNAME_MISMATCH/.test(code)) {
    return {
      kind: "tls",
      detail: `The dashboard's certificate or TLS handshake is refused: ${message.slice(0, 200)} (${code}).`,
    };
  }
  if (code.startsWith("E") && !code.startsWith("ERR_")) {
    return { kind: "unreachable", detail: unreachable[code] ?? `The dashboard cannot be reached: ${code}.` };
  }
  return { kind: "not-a-dashboard", detail: `The server does not open the link: ${message.slice(0, 200)}.` };
}
