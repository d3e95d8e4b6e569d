import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { AGENT_SUBPROTOCOL, Problem } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { type Core, openFleet } from "../core.fixture.ts";

/** Asks for the link with these headers, and gives the answer that comes instead of it. */
async function refusal(core: Core, headers: Record<string, string>): Promise<{ problem: Problem; headers: IncomingHttpHeaders }> {
  const asked = request(`${core.origin}/agent/link`, {
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
      "Sec-WebSocket-Protocol": AGENT_SUBPROTOCOL,
      ...headers,
    },
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once("response", resolve).once("error", reject).end();
    asked.once("upgrade", (_, socket) => {
      socket.destroy();
      reject(new Error("The link opened"));
    });
  });
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  const problem = Problem.parse(JSON.parse(text));
  expect(problem.status).toBe(response.statusCode);
  return { problem, headers: response.headers };
}

test("L1: an agent that is not let in gets a problem document of the table, with why and when to try again", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, added } = lab;
  const token = added[0]?.token ?? "";
  const by = (text: string) => ({ Authorization: `Bearer ${text}` });
  const challenge = { "content-type": "application/problem+json; charset=utf-8", "www-authenticate": 'Bearer realm="nixfleet"' };
  expect(await refusal(core, {})).toMatchObject({ problem: { status: 401, code: "token-missing" }, headers: challenge });
  expect(await refusal(core, by("nf_alpha_x"))).toMatchObject({
    problem: { status: 401, code: "token-wrong", detail: expect.any(String) },
    headers: challenge,
  });
  expect(await refusal(core, { ...by(token), "Sec-WebSocket-Protocol": "nixfleet.agent.v9" })).toMatchObject({
    problem: { status: 400, code: "unsupported-protocol", detail: expect.stringContaining("nixfleet.agent.v9") },
  });
  await core.links.stop();
  expect(await refusal(core, by(token))).toMatchObject({
    problem: { status: 503, code: "shutting-down" },
    headers: { "retry-after": "5" },
  });
});
