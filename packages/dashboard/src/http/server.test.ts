import { type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
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

/** Sends a text, and gives what comes back until the other side ends. */
async function speak(port: number, text: string, onSocket: (socket: Socket) => void = () => {}): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  socket.write(text);
  onSocket(socket);
  let answer = "";
  for await (const chunk of socket.setEncoding("utf8")) answer += chunk;
  return answer;
}

async function serve() {
  const server = createHttpServer({ log: quiet, trustedProxies: undefined });
  const port = await server.listen("127.0.0.1", 0);
  return { port, [Symbol.asyncDispose]: () => server.stop(0) };
}

test("an upgrade to anything but a WebSocket is ignored, and the request answered as it is", async () => {
  await using server = await serve();
  const answer = await speak(
    server.port,
    "GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
  );
  // Of the HTTP server, and no refusal of an upgrade.
  expect(answer).toMatch(/^HTTP\/1.1 503 /);
  expect(answer.toLowerCase()).toContain("date:");
});

test.each([
  ["what is no HTTP", "nonsense\r\n\r\n", 400],
  ["headers without end", `GET / HTTP/1.1\r\nX: ${"a".repeat(20_000)}`, 413],
  ["an upgrade that is refused", "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 503],
])("R65: a connection that was given up (%s) is gone, though the client never closes it", async (_, text, status) => {
  await using server = await serve();
  const sockets: Socket[] = [];
  expect(await speak(server.port, text, (socket) => sockets.push(socket))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  const [socket] = sockets;
  // Half open from this side: what is written is answered with a reset once the other side is gone.
  await expect
    .poll(
      () => {
        if (socket?.destroyed === false) socket.write("x");
        return socket?.destroyed;
      },
      { timeout: 60_000 },
    )
    .toBe(true);
});
