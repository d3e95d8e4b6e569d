import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AGENT_LINK_PATH, confirmPath, type RunId } from "@nixfleet/protocol";
import * as z from "zod";
import { linkUrl } from "../link/link-url.ts";
import { type DashboardAnswer, judgeError, judgeResponse } from "./dashboard-answer.ts";

/** Longest wait for an answer, in milliseconds. A network that drops packets says nothing at all. */
const ANSWER_LIMIT = 10_000;

/** As much of an answer as a problem document has. */
const MAX_BODY = 16 * 1024;

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
  if (!link.ok) {
    return Promise.resolve({ kind: "no", reason: `the dashboard's address cannot be read: ${link.fault}`, path: "none" });
  }
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
      void problemOf(response).then((problem) => {
        request.destroy();
        resolve(judgeResponse(response.statusCode ?? 0, problem));
      });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const reason = `the dashboard does not answer within ${ANSWER_LIMIT / 1000} s`;
      resolve(limit.aborted ? { kind: "no", reason, path: "none" } : judgeError(error.code ?? error.message));
    });
    request.end();
  });
}

/** The code of a problem document (RFC 9457 with a `code`), if the answer is one. */
async function problemOf(response: IncomingMessage): Promise<string | undefined> {
  if (response.statusCode === 200) return undefined;
  let text = "";
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_BODY) return undefined;
    }
    return Problem.safeParse(JSON.parse(text)).data?.code;
  } catch {
    return undefined; // Cut off, or a page of whatever stands before the dashboard.
  }
}

const Problem = z.object({ code: z.string().max(100) });
