import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AGENT_SUBPROTOCOL, MAX_FRAME_BYTES } from "@nixfleet/protocol";
import { WebSocketServer } from "ws";
import type { Hosts } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { refuseUpgrade } from "../problem.ts";
import { linkSocket } from "../server-socket.ts";
import type { AgentLinks } from "./links.ts";

/** Seconds until a restarting dashboard is probably back. */
const RESTART_RETRY_AFTER = 5;
/** Seconds until an agent should retry if its token could not be checked. */
const FAULT_RETRY_AFTER = 10;

export interface AgentUpgradeDeps {
  hosts: Hosts;
  links: AgentLinks;
  log: Logger;
}

/** Handles upgrade requests of agents: without a valid token, the answer is an HTTP error and no WebSocket. */
export type AgentUpgrade = (upgrade: {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  /** The client address, with trusted proxies taken into account. */
  address: string;
}) => void;

export function createAgentUpgrade({ hosts, links, log }: AgentUpgradeDeps): AgentUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(AGENT_SUBPROTOCOL) ? AGENT_SUBPROTOCOL : false),
  });

  async function upgrade({ request, socket, head, address }: Parameters<AgentUpgrade>[0]): Promise<void> {
    if (links.stopping) {
      refuseUpgrade(socket, "shutting-down", { retryAfter: RESTART_RETRY_AFTER });
      return;
    }
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined || token.length > 200) {
      refuseUpgrade(socket, "token-missing");
      return;
    }
    const authenticated = await hosts.authenticate(token);
    if (!authenticated.ok) {
      if (authenticated.namedHost !== null) links.recordRefused(authenticated.namedHost, authenticated.reason);
      refuseUpgrade(socket, "token-wrong", { detail: authenticated.reason });
      return;
    }
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes(AGENT_SUBPROTOCOL)) {
      const reason = `The agent speaks ${offered.join(", ").slice(0, 100) || "no protocol"}, this dashboard ${AGENT_SUBPROTOCOL}. Update the older one.`;
      links.recordRefused(authenticated.hostId, reason, true);
      refuseUpgrade(socket, "unsupported-protocol", { detail: reason });
      return;
    }
    if (socket.destroyed) return;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      links.accept(linkSocket(webSocket), { hostId: authenticated.hostId, address });
    });
  }

  return (incoming) => {
    const { socket } = incoming;
    // A client may hang up while its token is looked up.
    const gone = () => socket.destroy();
    socket.on("error", gone);
    upgrade(incoming)
      .catch((error: unknown) => {
        log.error({ err: error }, "The connection of an agent could not be accepted");
        refuseUpgrade(socket, "unavailable", { detail: "The token could not be checked.", retryAfter: FAULT_RETRY_AFTER });
      })
      .finally(() => socket.off("error", gone));
  };
}
