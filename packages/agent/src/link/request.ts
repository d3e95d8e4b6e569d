import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Route } from "./proxy.ts";
import { connectThrough } from "./tunnel.ts";

/**
 * Requests an address (http or https) over a connection of its own, and gives the answer with its body unread. No redirect is followed and
 * certificates are verified. Rejects with what ended the connection, a `ProxyFailure` where a proxy did.
 */
export async function requestBy(
  route: Route,
  address: string,
  { method, headers = {}, signal }: { method: string; headers?: OutgoingHttpHeaders; signal: AbortSignal },
): Promise<IncomingMessage> {
  const connection = route.kind === "proxy" ? await connectThrough(route.proxy, address, signal) : undefined;
  const start = new URL(address).protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = start(address, {
      method,
      signal,
      headers: { connection: "close", ...headers },
      ...(connection === undefined ? { agent: false } : { createConnection: () => connection }),
    });
    request.once("response", resolve);
    request.on("error", reject);
    request.end();
  });
}
