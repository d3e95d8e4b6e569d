import type { NumberedLine } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createLogSource } from "./log-source.ts";

const line = (n: number, level?: "error" | "noise"): NumberedLine => ({
  n,
  at: n,
  stream: "nix",
  text: `line ${n}`,
  ...(level && { level }),
});
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => line(from + i));

/** A log on the server with `last` lines, and the first lines of the requested pages. */
function server(last: number) {
  const reads: number[] = [];
  return {
    reads,
    read: async (from: number, limit: number) => {
      reads.push(from);
      return { lines: lines(from, Math.min(last, from + limit - 1)), last };
    },
  };
}

test("lines that arrived live are loaded and not requested again", () => {
  const { read, reads } = server(500);
  const source = createLogSource(read);
  source.push(lines(1, 500), 500);
  source.need(1, 500);
  expect(source.line(250)?.text).toBe("line 250");
  expect(reads).toEqual([]);
});

test("R44: lines that are not loaded are read once, and listeners are called", async () => {
  const { read, reads } = server(10_000);
  const source = createLogSource(read);
  source.push(lines(9_990, 10_000), 10_000);
  const arrived = new Promise<void>((resolve) => source.subscribe(resolve));
  source.need(1, 400);
  source.need(1, 400);
  await arrived;
  expect(reads).toEqual([1]);
  expect(source.line(1)?.text).toBe("line 1");
  expect(source.line(9_995)?.text).toBe("line 9995");
});

test("a window over a million lines keeps few of them", async () => {
  const { read } = server(1_000_000);
  const source = createLogSource(read);
  source.push([], 1_000_000);
  for (let from = 1; from < 1_000_000; from += 5_000) {
    const arrived = new Promise<void>((resolve) => {
      const stop = source.subscribe(() => {
        stop();
        resolve();
      });
    });
    source.need(from, from + 100);
    await arrived;
  }
  expect(source.line(1)).toBeUndefined();
  expect(source.line(995_001)?.n).toBe(995_001);
});

test("the outline and the lines after it are joined without duplicates", () => {
  const source = createLogSource(server(0).read);
  source.push([line(5, "noise"), line(6, "error"), line(7, "noise"), line(8, "noise")], 8);
  source.outline({
    last: 7,
    errors: [2, 6],
    warnings: [],
    noise: [
      [3, 5],
      [7, 7],
    ],
  });
  source.push([line(9, "noise")], 9);
  expect(source.state()).toMatchObject({
    last: 9,
    errors: [2, 6],
    noise: [
      [3, 5],
      [7, 9],
    ],
  });
});

test("R61: a failed read is reported, and retried when the lines are needed again", async () => {
  let broken = true;
  const good = server(10);
  const source = createLogSource(async (from, limit) => {
    if (broken) throw new Error("The dashboard does not answer.");
    return good.read(from, limit);
  });
  source.push([], 10);
  const once = () =>
    new Promise<void>((resolve) => {
      const stop = source.subscribe(() => {
        stop();
        resolve();
      });
    });
  let heard = once();
  source.need(1, 10);
  await heard;
  expect(source.state().problem).toBe("The dashboard does not answer.");
  broken = false;
  await Promise.resolve();
  heard = once();
  source.need(1, 10);
  await heard;
  expect(source.state().problem).toBeNull();
  expect(source.line(10)?.n).toBe(10);
});
