import fc from "fast-check";
import { expect, test } from "vitest";
import { createKeyedQueue } from "./keyed-queue.ts";

function queueOf(work: (key: string, requests: number[]) => void | Promise<void>) {
  const errors: unknown[] = [];
  const queue = createKeyedQueue<string, number[]>({
    work,
    merge: (first, second) => [...first, ...second],
    onError: (key, error) => errors.push([key, error]),
  });
  return { errors, queue };
}

test("Requests of one turn for a key are merged, and keys are done in the order in which they were first added", async () => {
  const done: [string, number[]][] = [];
  const { queue } = queueOf((key, requests) => void done.push([key, requests]));
  void queue.add("a", [1]);
  void queue.add("b", [2]);
  await queue.add("a", [3]);
  await queue.settled();
  expect(done).toEqual([
    ["a", [1, 3]],
    ["b", [2]],
  ]);
});

test("A request for a key that is at work waits for its own turn", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun: number[][] = [];
  const { queue } = queueOf(async (_, requests) => {
    begun.push(requests);
    await gates[begun.length - 1]?.promise;
  });
  const first = queue.add("a", [1]);
  await Promise.resolve();
  expect(begun).toEqual([[1]]);
  const second = queue.add("a", [2]);
  void queue.add("a", [3]);
  gates[0]?.resolve();
  await first;
  gates[1]?.resolve();
  await second;
  expect(begun).toEqual([[1], [2, 3]]);
});

test("A failure is reported with its key, and the other keys are done", async () => {
  const done: string[] = [];
  const { errors, queue } = queueOf((key) => {
    if (key === "a") throw new Error("thrown");
    if (key === "b") return Promise.reject(new Error("rejected"));
    done.push(key);
  });
  await Promise.all(["a", "b", "c"].map((key) => queue.add(key, [])));
  expect(errors).toEqual([
    ["a", new Error("thrown")],
    ["b", new Error("rejected")],
  ]);
  expect(done).toEqual(["c"]);
});

test("settled waits for what waits and what is at work, with a key for that of the key alone", async () => {
  const gates = new Map(["a", "b"].map((key) => [key, Promise.withResolvers<void>()]));
  const ended: string[] = [];
  const { queue } = queueOf(async (key) => {
    await gates.get(key)?.promise;
    ended.push(key);
  });
  void queue.add("a", []);
  void queue.add("b", []);
  await queue.settled("unknown");
  expect(ended).toEqual([]);
  const endedBy = queue.settled("a").then(() => [...ended]);
  await new Promise<void>((resolve) => setImmediate(resolve));
  gates.get("a")?.resolve();
  expect(await endedBy).toEqual(["a"]);
  const settled = queue.settled();
  gates.get("b")?.resolve();
  await settled;
  expect(ended).toEqual(["a", "b"]);
});

test("Whatever comes when, each request is done once, in its key's order, and no two at a time", async () => {
  const step = fc.record({ key: fc.constantFrom("a", "b", "c"), turns: fc.nat({ max: 6 }), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const done: Record<string, number[]> = { a: [], b: [], c: [] };
      const answers: Promise<void>[] = [];
      let running = 0;
      const { queue } = queueOf(async (key, requests) => {
        running += 1;
        expect(running).toBe(1);
        await Promise.resolve();
        done[key]?.push(...requests);
        running -= 1;
        if (requests.some((request) => steps[request]?.fails)) throw new Error("failed");
      });
      for (const [place, { key, turns }] of steps.entries()) {
        const before = done[key]?.length ?? 0;
        answers.push(queue.add(key, [place]).then(() => expect(done[key]).toContain(place)));
        expect(done[key]).toHaveLength(before);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      }
      await queue.settled();
      await Promise.all(answers);
      const expected = (key: string) => steps.flatMap((request, place) => (request.key === key ? [place] : []));
      expect(done).toEqual({ a: expected("a"), b: expected("b"), c: expected("c") });
    }),
    { numRuns: 200 },
  );
});
