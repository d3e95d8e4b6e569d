import type { IncomingMessage } from "node:http";
import { AGENT_LINK_PATH, confirmPath, type RunId } from "@nixfleet/protocol";
import * as z from "zod";
import { linkUrl } from "../link/link-url.ts";
import { routeTo } from "../link/proxy.ts";
import { requestBy } from "../link/request.ts";
import { ProxyFailure } from "../link/tunnel.ts";
import { type DashboardAnswer, judgeError, judgeProxy, judgeResponse } from "./dashboard-answer.ts";

/** Longest wait for an answer, in milliseconds. A network that drops packets says nothing at all. */
const ANSWER_LIMIT = 10_000;

/** As much of an answer as a problem document has. */
const MAX_BODY = 16 * 1024;

/**
 * Asks the dashboard whether this host, as it runs now, is in reach: it says yes only while the run is active and the host's
 * link answers it (rule L22). Over a connection of its own: one from before the activation proves nothing about now.
 */
export function requestConfirmation(
  dashboard: DashboardAddress,
  { runId, secret, signal }: { runId: RunId; secret: string; signal: AbortSignal },
): Promise<DashboardAnswer> {
  return ask(dashboard, confirmPath(runId), { method: "POST", authorization: `Bearer ${secret}`, signal });
}

/** Asks whether the dashboard can be reached at all, over a connection of its own: for a run that it does not know of. */
export function requestHealth(dashboard: DashboardAddress, signal: AbortSignal): Promise<DashboardAnswer> {
  return ask(dashboard, "/health", { method: "GET", signal });
}

/** Where it is, as set, and the environment that names the way to it. */
interface DashboardAddress {
  url: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** No redirect is followed and certificates are verified, since both would hand the secret to somebody else. */
async function ask(
  { url: setting, env }: DashboardAddress,
  path: string,
  { method, authorization, signal }: { method: string; authorization?: string; signal: AbortSignal },
): Promise<DashboardAnswer> {
  const link = linkUrl(setting);
  if (!link.ok) return { kind: "no", reason: `the dashboard's address cannot be read: ${link.fault}`, path: "none" };
  const address = `${link.url.slice(0, -AGENT_LINK_PATH.length).replace(/^ws/, "http")}${path}`;
  const limit = AbortSignal.timeout(ANSWER_LIMIT);
  const either = AbortSignal.any([signal, limit]);
  try {
    const headers = { "content-length": "0", ...(authorization === undefined ? {} : { authorization }) };
    const response = await requestBy(routeTo(address, env), address, { method, headers, signal: either });
    const problem = await problemOf(response);
    response.destroy();
    return judgeResponse(response.statusCode ?? 0, problem);
  } catch (error) {
    const reason = `the dashboard does not answer within ${ANSWER_LIMIT / 1000} s`;
    if (limit.aborted) return { kind: "no", reason, path: "none" };
    if (error instanceof ProxyFailure) return judgeProxy(error);
    const { code, message } = error as NodeJS.ErrnoException;
    return judgeError(code ?? message);
  }
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
