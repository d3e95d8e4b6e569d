import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { AGENT_LINK_PATH, confirmPath, type StartRun } from "@nixfleet/protocol";

/** Asks a dashboard, whose link address this is, to confirm a run: over a new connection, as a runner does. Never rejects. */
export function requestConfirmation(linkUrl: string, { runId, confirmSecret }: StartRun, signal: AbortSignal): Promise<boolean> {
  if (confirmSecret === undefined) return Promise.resolve(false);
  const url = new URL(linkUrl.replace(/^ws/, "http"));
  url.pathname = url.pathname.replace(new RegExp(`${AGENT_LINK_PATH}$`), confirmPath(runId));
  return new Promise((resolve) => {
    const request = (url.protocol === "https:" ? overHttps : overHttp)(url, {
      method: "POST",
      agent: false,
      headers: { Authorization: `Bearer ${confirmSecret}` },
      signal,
    });
    request.on("response", (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode === 200));
    });
    request.on("error", () => resolve(false));
    request.end();
  });
}
