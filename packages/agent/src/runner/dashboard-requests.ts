import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { AGENT_LINK_PATH, confirmPath, type RunId } from "@nixfleet/protocol";
import { linkUrl } from "../link/link-url.ts";

/** Longest wait for an answer, in milliseconds. A network that drops packets says nothing at all. */
const ANSWER_LIMIT = 10_000;

/** Undefined: the dashboard has said yes. Else why not, for a person. */
export type DashboardAnswer = string | undefined;

/**
 * Asks the dashboard whether this host, as it runs now, is in reach: it says yes only while the run is active and the host's
 * link answers it (rule L22). Over a connection of its own: one from before the activation proves nothing about now.
 */
export function requestConfirmation(
  url: string,
  { runId, secret, signal }: { runId: RunId; secret: string; signal: AbortSignal },
): Promise<DashboardAnswer> {
  return ask(url, confirmPath(runId), { method: "POST", authorization: `Bearer ${secret}`, signal });
}

/** Asks whether the dashboard can be reached at all, over a connection of its own: for a run that it does not know of. */
export function requestHealth(url: string, signal: AbortSignal): Promise<DashboardAnswer> {
  return ask(url, "/health", { method: "GET", signal });
}

/** No redirect is followed and certificates are verified, since both would hand the secret to somebody else. */
function ask(
  setting: string,
  path: string,
  { method, authorization, signal }: { method: string; authorization?: string; signal: AbortSignal },
): Promise<DashboardAnswer> {
  const link = linkUrl(setting);
  if (!link.ok) return Promise.resolve(`the dashboard's address cannot be read: ${link.fault}`);
  const base = link.url.slice(0, -AGENT_LINK_PATH.length).replace(/^ws/, "http");
  const start = link.encrypted ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const limit = AbortSignal.timeout(ANSWER_LIMIT);
    const request = start(`${base}${path}`, {
      method,
      agent: false,
      signal: AbortSignal.any([signal, limit]),
      headers: { connection: "close", "content-length": "0", ...(authorization === undefined ? {} : { authorization }) },
    });
    request.once("response", (response) => {
      request.destroy();
      resolve(response.statusCode === 200 ? undefined : `the dashboard answers ${response.statusCode}`);
    });
    request.on("error", (error: NodeJS.ErrnoException) =>
      resolve(limit.aborted ? `the dashboard does not answer within ${ANSWER_LIMIT / 1000} s` : (error.code ?? error.message)),
    );
    request.end();
  });
}
