import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AGENT_SUBPROTOCOL } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { DialFailure } from "./link-socket.ts";
import { createWsDial } from "./ws-dial.ts";

/** Dials a server that answers every upgrade with this, and gives why the link did not open. */
async function dialAt(status: number, headers: Readonly<Record<string, string>>, body: string): Promise<DialFailure> {
  const server = createServer();
  server.on("upgrade", (_, socket) => {
    const all = { ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n${body}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent/link`;
    return await new Promise<DialFailure>((resolve, reject) => {
      createWsDial({ url, token: "nf_web1_x", userAgent: "test" })({
        onOpen: () => reject(new Error("The link opened")),
        onFailure: resolve,
      });
    });
  } finally {
    server.close();
  }
}

const problem = { "Content-Type": "application/problem+json; charset=utf-8" };
const document = (more: object) => JSON.stringify({ status: 400, code: "x", title: "The title.", next: "Do it.", ...more });

test("why the dashboard refuses is told by its problem document: by the detail, else by the title", async () => {
  const detail = `The agent speaks ${AGENT_SUBPROTOCOL}, this dashboard nixfleet.agent.v9. Update the older one.`;
  expect(await dialAt(400, problem, document({ detail }))).toEqual({
    kind: "not-a-dashboard",
    detail: `The server answers HTTP 400 instead of opening the link: ${detail}`,
  });
  expect(await dialAt(503, { ...problem, "Retry-After": "5" }, document({}))).toEqual({
    kind: "not-a-dashboard",
    detail: "The server answers HTTP 503 instead of opening the link: The title.",
    retryAfter: 5,
  });
  expect(await dialAt(401, problem, document({}))).toMatchObject({ kind: "unauthorized" });
});

test("R38: an answer that is no problem document, too long or no text is not repeated", async () => {
  const plain = { kind: "not-a-dashboard", detail: "The server answers HTTP 502 instead of opening the link." };
  expect(await dialAt(502, { "Content-Type": "text/html" }, document({}))).toEqual(plain);
  expect(await dialAt(502, problem, "{")).toEqual(plain);
  expect(await dialAt(502, problem, "[]")).toEqual(plain);
  expect(await dialAt(502, problem, document({ title: 7 }))).toEqual(plain);
  expect(await dialAt(502, problem, document({ more: "x".repeat(20_000) }))).toEqual(plain);
});
