import fc from "fast-check";
import { expect, test } from "vitest";
import { createLimiter } from "./limiter.ts";

/** Lets all promise callbacks run that can. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test("A full line answers at once that it is busy, and the work is never done", async () => {
  const limiter = createLimiter({ concurrent: 1, waiting: 1 });
  const gate = Promise.withResolvers<string>();
  const first = limiter.run(() => gate.promise);
  const second = limiter.run(() => "second");
  let done = false;
  expect(
    await limiter.run(() => {
      done = true;
    }),
  ).toEqual({ kind: "busy" });
  gate.resolve("first");
  expect(await Promise.all([first, second])).toEqual([
    { kind: "done", value: "first" },
    { kind: "done", value: "second" },
  ]);
  expect(done).toBe(false);
  expect(await limiter.run(() => "third")).toEqual({ kind: "done", value: "third" });
});

test("With no room to wait only free places are given", async () => {
  const limiter = createLimiter({ concurrent: 1, waiting: 0 });
  const gate = Promise.withResolvers<void>();
  const first = limiter.run(() => gate.promise);
  expect(await limiter.run(() => undefined)).toEqual({ kind: "busy" });
  gate.resolve();
  await first;
  expect(await limiter.run(() => 1)).toEqual({ kind: "done", value: 1 });
});

test("Work that throws or rejects gives its place back, and its caller has the error", async () => {
  const limiter = createLimiter({ concurrent: 1 });
  const thrown = limiter.run(() => {
    throw new Error("thrown");
  });
  const rejected = limiter.run(() => Promise.reject(new Error("rejected")));
  await expect(thrown).rejects.toThrow("thrown");
  await expect(rejected).rejects.toThrow("rejected");
  expect(await limiter.run(() => "free")).toBe("free");
});

test("A limit of none is refused, since it would wait for ever", () => {
  expect(() => createLimiter({ concurrent: 0 })).toThrow(RangeError);
  expect(() => createLimiter({ concurrent: Number.NaN })).toThrow(RangeError);
});

test("However work comes and ends, no more than the limit is done at a time, no place stays empty, and it begins in the order of the calls", async () => {
  const step = fc.oneof(fc.constant("add" as const), fc.record({ end: fc.nat({ max: 10 }), fails: fc.boolean() }));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (concurrent, steps) => {
      const limiter = createLimiter({ concurrent });
      const begun: number[] = [];
      const open: PromiseWithResolvers<void>[] = [];
      let added = 0;
      let ended = 0;
      for (const next of steps) {
        if (next === "add") {
          const place = added++;
          limiter
            .run(() => {
              begun.push(place);
              const work = Promise.withResolvers<void>();
              open.push(work);
              return work.promise;
            })
            .catch(() => undefined);
        } else if (open.length > 0) {
          const [work] = open.splice(next.end % open.length, 1);
          ended += 1;
          if (next.fails) work?.reject(new Error("failed"));
          else work?.resolve();
        }
        await settle();
        expect(open).toHaveLength(Math.min(concurrent, added - ended));
      }
      expect(begun).toEqual(begun.map((_, place) => place));
    }),
    { numRuns: 100 },
  );
});
