import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { HttpProxy } from "./proxy.ts";

/** Longest wait for a proxy, which first connects itself, and for a handshake through it. */
const LIMIT = 20_000;

/** Why a proxy opens no way. Its message is a sentence for a person, without a secret. */
export class ProxyFailure extends Error {
  /** The proxy has answered that what is behind it does not answer it. */
  readonly isBeyond: boolean;

  constructor(message: string, isBeyond = false) {
    super(message);
    this.name = "ProxyFailure";
    this.isBeyond = isBeyond;
  }
}

/**
 * A connection to an address (http, https, ws or wss) through a proxy, and for the encrypted ones with the certificate at the other end
 * verified: the proxy sees the address and nothing of what is said. Rejects with a `ProxyFailure`, or with the error of the handshake.
 * By CONNECT also where nothing is encrypted, since a proxy that reads requests passes no upgrade on.
 */
export async function connectThrough(proxy: HttpProxy, address: string, signal?: AbortSignal): Promise<Socket> {
  const url = new URL(address);
  const encrypted = url.protocol === "https:" || url.protocol === "wss:";
  const socket = await openTunnel(proxy, `${url.hostname}:${url.port || (encrypted ? 443 : 80)}`, signal);
  return encrypted ? secure(socket, url.hostname.replace(/^\[|\]$/g, ""), signal) : socket;
}

function openTunnel(proxy: HttpProxy, authority: string, signal: AbortSignal | undefined): Promise<Socket> {
  const { host, port, encrypted, authorization } = proxy;
  const name = `The proxy ${host.includes(":") ? `[${host}]` : host}:${port} (${proxy.variable})`;
  return new Promise((resolve, reject) => {
    const request = (encrypted ? httpsRequest : httpRequest)({
      ...{ host, port, method: "CONNECT", path: authority, agent: false },
      headers: { host: authority, ...(authorization === undefined ? {} : { "proxy-authorization": authorization }) },
    });
    const release = limit(signal, (error) => request.destroy(error), new ProxyFailure(`${name} does not answer.`));
    request.once("connect", ({ statusCode = 0 }, socket: Socket, head) => {
      release();
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new ProxyFailure(`${name} ${explainRefusal(statusCode)}`, BEYOND.has(statusCode)));
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      release();
      const known = error instanceof ProxyFailure || signal?.aborted === true;
      reject(known ? error : new ProxyFailure(`${name} cannot be reached: ${error.code ?? error.message.slice(0, 200)}.`));
    });
    request.end();
  });
}

function secure(socket: Socket, host: string, signal: AbortSignal | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ socket, host, ...(isIP(host) === 0 && { servername: host }) });
    const silence = new ProxyFailure(`No answer through the proxy within ${LIMIT / 1000} s.`);
    const release = limit(signal, (error) => secured.destroy(error), silence);
    const onError = (error: Error) => {
      release();
      reject(error);
    };
    secured.once("error", onError);
    secured.once("secureConnect", () => {
      release();
      secured.off("error", onError);
      resolve(secured);
    });
  });
}

/** Ends something by the signal, or by this error when it lasts too long. Call the result when it is over. */
function limit(signal: AbortSignal | undefined, end: (error: Error) => void, late: Error): () => void {
  const stop = () => end(signal?.reason instanceof Error ? signal.reason : new Error("stopped"));
  const timer = setTimeout(() => end(late), LIMIT);
  if (signal?.aborted === true) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
}

/** Statuses of a proxy that tried, and found nobody. */
const BEYOND = new Set([502, 503, 504]);

function explainRefusal(status: number): string {
  if (status === 407) return "asks for a user name and password, or takes neither of those it was given (HTTP 407).";
  if (BEYOND.has(status)) return `cannot reach the dashboard (HTTP ${status}).`;
  return `does not connect to the dashboard (HTTP ${status}).`;
}
