import { type IncomingMessage, request } from "node:http";
import { Problem } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { quiet } from "../store/store.fixture.ts";
import { createHttpServer } from "./server.ts";

test("R68: while the dashboard starts, requests and agents are told to come back in a second", async () => {
  const server = createHttpServer({ log: quiet, trustedProxies: undefined });
  const port = await server.listen("127.0.0.1", 0);
  const upgrade = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
  };
  for (const headers of [{ Connection: "close" }, upgrade]) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ port, path: "/agent/link", headers }).once("response", resolve).once("error", reject).end();
    });
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    expect(response).toMatchObject({ statusCode: 503, headers: { "retry-after": "1" } });
    expect(Problem.parse(JSON.parse(text))).toMatchObject({ code: "unavailable", detail: expect.stringContaining("starting") });
  }
  await server.stop(1000);
});
