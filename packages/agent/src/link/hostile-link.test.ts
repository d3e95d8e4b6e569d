import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { AGENT_SUBPROTOCOL, MAX_FRAME_BYTES } from "@nixfleet/protocol";
import { systemClock } from "@nixfleet/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../log.ts";
import { hello, welcome } from "./link.fixture.ts";
import { createLink, type Link } from "./link.ts";
import { createWsDial } from "./ws-dial.ts";

// A dashboard that is no WebSocket server but bytes: it opens the link as RFC 6455 has it, and then reads nothing of it any more.

/** A frame as a server sends it, unmasked (RFC 6455, section 5.2). Opcode 1 is text, 9 a ping. */
function frame(opcode: number, payload: string): Buffer {
  const bytes = Buffer.from(payload);
  const head = bytes.length < 126 ? [0x80 | opcode, bytes.length] : [0x80 | opcode, 126, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(head), bytes]);
}

const text = (message: object) => frame(1, JSON.stringify(message));

let opened: PromiseWithResolvers<Duplex>;
let server: ReturnType<typeof createServer>;
let link: Link;
let lines: { event: string }[];
let down: PromiseWithResolvers<void>;

beforeEach(async () => {
  opened = Promise.withResolvers();
  down = Promise.withResolvers();
  lines = [];
  server = createServer();
  server.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${AGENT_SUBPROTOCOL}\r\n\r\n`,
    );
    socket.pause();
    socket.on("error", () => {}); // The agent cuts it off: that is what is tested.
    opened.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent/link`;
  link = createLink({
    dial: createWsDial({ url, token: "nf_gate_x", userAgent: "test" }),
    clock: systemClock,
    random: () => 0.999,
    log: createLog({ level: "warn", clock: systemClock, write: (line) => lines.push(JSON.parse(line)), secrets: [] }),
    hello: async () => hello,
    onUp: () => {},
    onMessage: () => {},
    onDown: () => down.resolve(),
  });
  link.start();
});
afterEach(async () => {
  link.stop();
  (await opened.promise).destroy();
  server.close();
});

/** Writes the bytes again and again, as fast as they are read, until the other end is gone or `limit` bytes are written. */
async function flood(socket: Duplex, bytes: Buffer, limit: number, onRound: () => void): Promise<"cut" | "read to the end"> {
  for (let written = 0; written < limit; written += bytes.length) {
    if (socket.destroyed) return "cut";
    const isFull = !socket.write(bytes);
    onRound();
    if (isFull) await new Promise<void>((resolve) => void socket.once("drain", resolve).once("close", resolve));
  }
  return "read to the end";
}

test.each([
  ["pings of the protocol", 1],
  ["pings of the WebSocket", 9],
] as const)("R56: an agent leaves a dashboard that sends %s and reads no answer", async (_, opcode) => {
  const socket = await opened.promise;
  socket.write(text(welcome));
  const payload = opcode === 1 ? JSON.stringify({ type: "ping", nonce: "n".repeat(64) }) : "x".repeat(100);
  const burst = Buffer.concat(Array.from({ length: 400 }, () => frame(opcode, payload)));
  let most = 0;
  // What the kernel takes on both sides is a few megabytes more.
  const end = await flood(socket, burst, 64 * MAX_FRAME_BYTES, () => {
    most = Math.max(most, link.backlog);
  });
  expect(end).toBe("cut");
  await down.promise;
  expect(most).toBeLessThan(5 * MAX_FRAME_BYTES);
  expect(link.up).toBe(false);
});
