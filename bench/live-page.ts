import { LIVE_PATH, LIVE_SUBPROTOCOL, ToBrowser } from "@nixfleet/protocol";
import type { ApiClient } from "@nixfleet/testkit/api-client";
import { WebSocket } from "ws";

/** What a browser's page follows, without the browser. */
export interface LivePage extends AsyncDisposable {
  /** Resolves with the first snapshot. */
  follow(topic: string): Promise<void>;
  leave(topic: string): void;
}

export async function openLivePage({ origin, cookie }: ApiClient): Promise<LivePage> {
  const socket = new WebSocket(`${origin.replace("http", "ws")}${LIVE_PATH}`, LIVE_SUBPROTOCOL, {
    headers: { Cookie: cookie, Origin: origin },
  });
  const waiting = new Map<string, { resolve(): void; reject(error: Error): void }>();
  socket.on("message", (data: Buffer) => {
    const message = ToBrowser.parse(JSON.parse(data.toString()));
    if (message.type === "snapshot") waiting.get(message.topic)?.resolve();
    if (message.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
    if (message.type === "gone") waiting.get(message.topic)?.reject(new Error(`There is no ${message.topic}.`));
  });
  await new Promise<void>((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
  return {
    follow(topic) {
      return new Promise((resolve, reject) => {
        waiting.set(topic, { resolve, reject });
        socket.send(JSON.stringify({ type: "subscribe", topic }));
      });
    },
    leave(topic) {
      waiting.delete(topic);
      socket.send(JSON.stringify({ type: "unsubscribe", topic }));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.close();
      await closed;
    },
  };
}
