import { LIVE_PATH, LIVE_SUBPROTOCOL } from "@nixfleet/protocol";
import { createLiveClient, type LiveClient, type LiveSocket } from "../live/live-client.ts";
import { setServerTime } from "../time/clock.ts";

/** The live link of this tab, on the browser's own socket and clock. It lives as long as the signed-in frame. */
export function createBrowserLink(onNewVersion: () => void): LiveClient {
  const address = new URL(LIVE_PATH, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return createLiveClient({
    connect: () => new WebSocket(address, LIVE_SUBPROTOCOL) as LiveSocket,
    now: Date.now,
    random: Math.random,
    setTimeout: (fn, milliseconds) => setTimeout(fn, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer as number),
    // A hidden tab gets no frames, so messages would pile up.
    beforeFrame: (fn) => (document.hidden ? queueMicrotask(fn) : requestAnimationFrame(fn)),
    onServerTime: setServerTime,
    onNewVersion,
  });
}
