import type { TextSocket } from "@nixfleet/runtime";

/** One direction's queue, in the hands of the test. */
export interface Wire {
  /** Messages sent and not yet delivered, oldest first. The test may change, double or drop them. */
  readonly queue: string[];
  /** Delivers the oldest `count` messages, or all that wait now; after the last one, a close that the sender queued. */
  flush(count?: number): void;
}

export interface SocketPair {
  left: TextSocket;
  right: TextSocket;
  toLeft: Wire;
  toRight: Wire;
  /** Flushes both ways until nothing waits. */
  flushAll(): void;
  /** The network is gone: what waits is lost, and both ends see 1006. */
  cut(): void;
}

/** What one end knows: its handlers, what comes towards it, and whether it has seen the close. */
interface End {
  incoming: string[];
  incomingClose: { code: number; reason: string } | undefined;
  /** Sent its own close: it sends nothing more, and drops what still comes. */
  closing: boolean;
  closed: boolean;
  message: (text: string) => void;
  close: (code: number, reason: string) => void;
}

/** Two ends of one link. Nothing arrives before the test flushes it, so every interleaving can be reached. */
export function createSocketPair(): SocketPair {
  const [left, right] = [createEnd(), createEnd()];
  const [toLeft, toRight] = [createWire(left, right), createWire(right, left)];
  const pending = ({ incoming, incomingClose, closed }: End) => !closed && (incoming.length > 0 || incomingClose !== undefined);

  return {
    left: createSocket(left, right),
    right: createSocket(right, left),
    toLeft,
    toRight,
    flushAll() {
      while (pending(left) || pending(right)) {
        toRight.flush();
        toLeft.flush();
      }
    },
    cut() {
      lose(left);
      lose(right);
    },
  };
}

function createEnd(): End {
  return { incoming: [], incomingClose: undefined, closing: false, closed: false, message: () => {}, close: () => {} };
}

function createSocket(own: End, other: End): TextSocket {
  return {
    send(text) {
      if (!own.closing && !own.closed) other.incoming.push(text);
    },
    close(code, reason) {
      if (own.closing || own.closed) return;
      own.closing = true;
      other.incomingClose = { code, reason };
    },
    terminate() {
      if (own.closed) return;
      other.incomingClose = { code: 1006, reason: "" };
      lose(own);
    },
    onMessage(handler) {
      own.message = handler;
    },
    onClose(handler) {
      own.close = handler;
    },
    get bufferedAmount() {
      return other.incoming.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
    },
  };
}

function createWire(receiver: End, sender: End): Wire {
  return {
    queue: receiver.incoming,
    flush(count = receiver.incoming.length) {
      for (let i = 0; i < count && !receiver.closed; i++) {
        const text = receiver.incoming.shift();
        if (text === undefined) break;
        if (!receiver.closing) receiver.message(text);
      }
      const close = receiver.incomingClose;
      if (close === undefined || receiver.incoming.length > 0 || receiver.closed) return;
      finish(receiver, close.code, close.reason);
      // The answer to a close frame is a close frame: the end that began learns that the other has it. Nobody answers a cut.
      if (!sender.closed && sender.incomingClose === undefined) sender.incomingClose = close;
    },
  };
}

function finish(end: End, code: number, reason: string): void {
  if (end.closed) return;
  end.closed = true;
  end.incoming.length = 0;
  end.close(code, reason);
}

function lose(end: End): void {
  finish(end, 1006, "");
}
