import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { LIVE_SUBPROTOCOL } from "@nixfleet/protocol";
import { WebSocketServer } from "ws";
import { linkSocket } from "../server-socket.ts";
import type { Live } from "./live.ts";

/** Browsers only send short subscribe messages. */
const LARGEST_MESSAGE = 16 * 1024;

/** Upgrades the connection of a browser whose session and Origin were checked. */
export type LiveUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, session: { sessionId: string }) => void;

export function createLiveUpgrade({ live }: { live: Live }): LiveUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LARGEST_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
  });
  return (request, socket, head, session) => {
    server.handleUpgrade(request, socket, head, (webSocket) => live.accept(linkSocket(webSocket), session));
  };
}
