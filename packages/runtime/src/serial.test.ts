import fc from "fast-check";
import { expect, test } from "vitest";
import { createSerial } from "./serial.ts";

function serial() {
  const errors: unknown[] = [];
  return { errors, queue: createSerial({ onError: (error) => errors.push(error) }) };
}

test("A piece that throws or rejects is reported, and those behind it are done", async () => {
  const { errors, queue } = serial();
  const done: string[] = [];
  void queue.add(() => {
    throw new Error("thrown");
  });
  void queue.add(() => Promise.reject(new Error("rejected")));
  await queue.add(() => void done.push("third"));
  expect(errors).toEqual([new Error("thrown"), new Error("rejected")]);
  expect(done).toEqual(["third"]);
});

test("The caller of run has the result or the error, and nobody else hears of it", async () => {
  const { errors, queue } = serial();
  const failing = queue.run(() => Promise.reject(new Error("mine")));
  const working = queue.run(() => 7);
  await expect(failing).rejects.toThrow("mine");
  expect(await working).toBe(7);
  expect(errors).toEqual([]);
});

test("settled waits for what was added before it, also where that fails", async () => {
  const { queue } = serial();
  await queue.settled();
  const gate = Promise.withResolvers<void>();
  let ended = false;
  void queue.add(async () => {
    await gate.promise;
    ended = true;
    throw new Error("failed");
  });
  const settled = queue.settled();
  gate.resolve();
  await settled;
  expect(ended).toBe(true);
});

test("Pieces are done in the order of the calls and one at a time, whatever each of them takes and whichever fail", async () => {
  const piece = fc.record({ turns: fc.nat({ max: 5 }), fails: fc.boolean(), own: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const { errors, queue } = serial();
      const ended: number[] = [];
      const own: unknown[] = [];
      let running = 0;
      for (const [place, { turns, fails, own: isOwn }] of pieces.entries()) {
        const work = async () => {
          running += 1;
          expect(running).toBe(1);
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          running -= 1;
          ended.push(place);
          if (fails) throw new Error(`${place}`);
        };
        if (isOwn) queue.run(work).catch((error: unknown) => own.push(error));
        else void queue.add(work);
      }
      await queue.settled();
      await Promise.resolve();
      expect(ended).toEqual(pieces.map((_, place) => place));
      expect(errors).toHaveLength(pieces.filter(({ fails, own: isOwn }) => fails && !isOwn).length);
    }),
    { numRuns: 200 },
  );
});
