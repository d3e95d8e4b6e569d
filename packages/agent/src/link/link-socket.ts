import type { TextSocket } from "@nixfleet/runtime";

/** A text socket with the control frames that keep a link alive (RFC 6455, section 5.5). */
export interface LinkSocket extends TextSocket {
  /** Sends a ping frame. The other end's WebSocket answers it without its program's doing. */
  ping(): void;
  /** Called for each ping and pong frame that comes in. */
  onControl(handler: () => void): void;
}

/** Why a try to connect failed. */
export interface DialFailure {
  kind: "unreachable" | "tls" | "timeout" | "unauthorized" | "not-a-dashboard";
  /** One sentence for a person, without the token. */
  detail: string;
  /** Seconds, where the server named a time. */
  retryAfter?: number;
}

export interface DialHandlers {
  /** The upgrade is done. The handlers of the socket are set before this returns. */
  onOpen(socket: LinkSocket): void;
  onFailure(failure: DialFailure): void;
}

/** Tries to connect once. Exactly one of the handlers is called, and none after `cancel`. */
export type Dial = (handlers: DialHandlers) => { cancel(): void };
