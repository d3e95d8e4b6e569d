/**
 * One end of a link that carries text messages in order: what the agent, the dashboard and the tests need of a WebSocket,
 * and nothing more. Handlers are set once, before the first message can arrive; setting one again replaces it.
 */
export interface TextSocket {
  /** Queues one message. After `close` or after the other end has gone, it is dropped: `onClose` has told or will tell. */
  send(text: string): void;
  /** Starts the closing handshake. Codes are those of RFC 6455, section 7.4; the reason is at most 123 bytes of UTF-8. */
  close(code: number, reason: string): void;
  /** Ends the connection without a handshake; `onClose` follows with code 1006. */
  terminate(): void;
  onMessage(handler: (text: string) => void): void;
  /** Called exactly once, whoever closed. 1006 when no close frame came. */
  onClose(handler: (code: number, reason: string) => void): void;
  /** Bytes given to `send` that have not left this process. */
  readonly bufferedAmount: number;
}
