import { expect, test } from "vitest";
import { createSocketPair } from "./socket-pair.ts";

function recorded() {
  const pair = createSocketPair();
  const seen: string[] = [];
  for (const name of ["left", "right"] as const) {
    pair[name].onMessage((text) => seen.push(`${name} ${text}`));
    pair[name].onClose((code, reason) => seen.push(`${name} closed ${code} ${reason}`.trim()));
  }
  return { ...pair, seen };
}

test("nothing arrives before it is flushed, and then in order", () => {
  const { left, right, toRight, toLeft, seen } = recorded();
  left.send("1");
  left.send("2");
  right.send("3");
  expect(seen).toEqual([]);
  expect(left.bufferedAmount).toBe(2);
  toRight.flush(1);
  toLeft.flush();
  toRight.flush();
  expect(seen).toEqual(["right 1", "left 3", "right 2"]);
});

test("a close comes after what was sent before it, and both ends see its code", () => {
  const { left, right, flushAll, seen } = recorded();
  left.send("last");
  left.close(4001, "bye");
  left.send("too late");
  right.send("on its way");
  flushAll();
  right.send("nobody hears");
  flushAll();
  expect(seen).toEqual(["right last", "right closed 4001 bye", "left closed 4001 bye"]);
});

test("a cut loses what waits, and both ends see 1006 once", () => {
  const { left, flushAll, cut, seen } = recorded();
  left.send("lost");
  cut();
  cut();
  flushAll();
  expect(seen).toEqual(["left closed 1006", "right closed 1006"]);
});

test("after terminate the other end sees 1006 when the news reaches it", () => {
  const { left, flushAll, seen } = recorded();
  left.send("sent before");
  left.terminate();
  expect(seen).toEqual(["left closed 1006"]);
  flushAll();
  expect(seen).toEqual(["left closed 1006", "right sent before", "right closed 1006"]);
});

test("a handler that answers at once is flushed too", () => {
  const { left, right, flushAll } = createSocketPair();
  const got: string[] = [];
  right.onMessage((text) => right.send(`re: ${text}`));
  left.onMessage((text) => got.push(text));
  left.send("ping");
  flushAll();
  expect(got).toEqual(["re: ping"]);
});
