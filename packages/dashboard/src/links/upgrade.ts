import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AGENT_SUBPROTOCOL, MAX_FRAME_BYTES } from "@nixfleet/protocol";
import { WebSocketServer } from "ws";
import type { Hosts } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { linkSocket } from "../server-socket.ts";
import type { AgentLinks } from "./links.ts";

export interface AgentUpgradeDeps {
  hosts: Hosts;
  links: AgentLinks;
  log: Logger;
}

/** Takes the upgrade requests of the agents' path: who has no good token gets an HTTP answer and no WebSocket. */
export type AgentUpgrade = (upgrade: {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  /** Where it comes from, trusted proxies taken into account. */
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
      answer(socket, "503 Service Unavailable", "shutting-down", "The dashboard is restarting.", ["Retry-After: 5"]);
      return;
    }
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined || token.length > 200) {
      answer(socket, "401 Unauthorized", "token-missing", "A host token is needed: Authorization: Bearer nf_…", [CHALLENGE]);
      return;
    }
    const who = await hosts.authenticate(token);
    if (!who.ok) {
      if (who.namedHost !== null) links.recordRefused(who.namedHost, who.reason);
      answer(socket, "401 Unauthorized", "token-wrong", who.reason, [CHALLENGE]);
      return;
    }
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes(AGENT_SUBPROTOCOL)) {
      const reason = `The agent speaks ${offered.join(", ").slice(0, 100) || "no protocol"}, this dashboard ${AGENT_SUBPROTOCOL}. Update the older one.`;
      links.recordRefused(who.hostId, reason, true);
      answer(socket, "400 Bad Request", "unsupported-protocol", reason);
      return;
    }
    if (socket.destroyed) return;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      links.accept(linkSocket(webSocket), { hostId: who.hostId, address });
    });
  }

  return (asked) => {
    const { socket } = asked;
    // A caller that hangs up while its token is looked up is no fault of ours.
    const gone = () => socket.destroy();
    socket.on("error", gone);
    upgrade(asked)
      .catch((error: unknown) => {
        log.error({ err: error }, "An agent could not be let in");
        answer(socket, "503 Service Unavailable", "unavailable", "The dashboard cannot look the token up now.", [
          "Retry-After: 10",
        ]);
      })
      .finally(() => socket.off("error", gone));
  };
}

const CHALLENGE = 'WWW-Authenticate: Bearer realm="nixfleet"';

function answer(socket: Duplex, status: string, code: string, title: string, headers: readonly string[] = []): void {
  if (socket.destroyed) return;
  const body = JSON.stringify({ type: `about:blank#${code}`, title, status: Number.parseInt(status, 10), code });
  // The request is answered for good: whatever fails from here on is the caller's own.
  socket.on("error", () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      "Connection: close",
      "Content-Type: application/problem+json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
      "",
      body,
    ].join("\r\n"),
  );
}
