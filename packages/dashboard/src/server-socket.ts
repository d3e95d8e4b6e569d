import type { TextSocket } from "@nixfleet/runtime";
import type { WebSocket } from "ws";

/** A text socket that also tells of signs of life which are no messages, and of faults below the messages. */
export interface LinkSocket extends TextSocket {
  /** The other end sent a ping; it is answered already. */
  onSign(handler: () => void): void;
  /** What came is no text message that can be read: too long, binary, not UTF-8. Nothing more comes. */
  onFault(handler: (reason: string) => void): void;
}

/** A WebSocket of the server as a link's socket. */
export function linkSocket(webSocket: WebSocket): LinkSocket {
  let fault: (reason: string) => void = () => {};
  webSocket.on("error", (error) => fault(error.message));
  return {
    send: (text) => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(text);
    },
    close: (code, reason) => webSocket.close(code, cut(reason)),
    terminate: () => webSocket.terminate(),
    onMessage: (handler) => {
      webSocket.removeAllListeners("message");
      webSocket.on("message", (data, isBinary) => {
        if (isBinary) fault("Messages are text.");
        else handler((data as Buffer).toString()); // `nodebuffer` is the binary type of every ws socket.
      });
    },
    onClose: (handler) => {
      webSocket.removeAllListeners("close");
      webSocket.on("close", (code, reason) => handler(code, reason.toString()));
    },
    onSign: (handler) => {
      webSocket.on("ping", handler);
    },
    onFault: (handler) => {
      fault = handler;
    },
    get bufferedAmount() {
      return webSocket.bufferedAmount;
    },
  };
}

/** A close frame takes 123 bytes of reason (RFC 6455, section 5.5). */
function cut(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}
