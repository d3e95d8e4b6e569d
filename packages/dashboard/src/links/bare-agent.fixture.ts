import { AGENT_SUBPROTOCOL, type FromDashboard, PROTOCOL_VERSION } from "@nixfleet/protocol";
import { sampleFacts, samplePolicy, sampleSettings } from "@nixfleet/testkit";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { COMMIT, type Core } from "../core.fixture.ts";

/** What an agent says first. */
export const hello = (more: object = {}) => ({
  type: "hello",
  protocol: PROTOCOL_VERSION,
  hostname: "alpha",
  instance: "one",
  policy: samplePolicy,
  settings: sampleSettings,
  facts: { readAt: Date.now(), facts: sampleFacts("alpha", { commit: COMMIT, now: Date.now() }) },
  runs: [],
  ...more,
});

/** A bare WebSocket of an agent, whose messages are waited for one by one. */
export function dial(core: Core, token: string, { protocol = AGENT_SUBPROTOCOL }: { protocol?: string } = {}) {
  const socket = new WebSocket(core.url, [protocol], { headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false });
  const arrived: FromDashboard[] = [];
  let wake = () => {};
  socket.on("message", (data) => {
    arrived.push(JSON.parse((data as Buffer).toString()) as FromDashboard);
    wake();
  });
  socket.on("error", () => {});
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  const status = new Promise<number>((resolve) => {
    socket.on("open", () => resolve(101));
    socket.on("unexpected-response", (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
  return {
    socket,
    closed,
    status,
    send: (message: unknown) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    async next<T extends FromDashboard["type"]>(type: T): Promise<FromDashboard & { type: T }> {
      for (;;) {
        const place = arrived.findIndex((message) => message.type === type);
        if (place >= 0) return arrived.splice(place, 1)[0] as FromDashboard & { type: T };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    /** Opens, says hello, waits for the welcome. */
    async greet(more: object = {}) {
      expect(await status).toBe(101);
      socket.send(JSON.stringify(hello(more)));
      return await this.next("welcome");
    },
  };
}
