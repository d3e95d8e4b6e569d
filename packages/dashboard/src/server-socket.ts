import type { TextSocket } from "@nixfleet/runtime";
import type { WebSocket } from "ws";

/** A text socket that also reports pings, and faults below the level of messages. */
export interface LinkSocket extends TextSocket {
  /** The other end sent a ping, which was answered already. */
  onSign(handler: () => void): void;
  /** A message could not be read: too long, binary or not UTF-8. No more messages follow. */
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
        if (isBinary) fault("Messages must be text.");
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
