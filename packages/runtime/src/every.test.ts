import { createFakeClock } from "@nixfleet/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type EveryOptions, every } from "./every.ts";

const MINUTE = 60_000;

function recurring(work: (signal: AbortSignal) => void | Promise<void>, options: Partial<EveryOptions> = {}) {
  const clock = createFakeClock();
  const errors: unknown[] = [];
  const loop = every(work, { interval: MINUTE, clock, onError: (error) => errors.push(error), ...options });
  return { clock, errors, loop };
}

/** Work that begins and ends when the test says so. */
function heldWork() {
  const rounds: PromiseWithResolvers<void>[] = [];
  return {
    rounds,
    work: () => {
      const round = Promise.withResolvers<void>();
      rounds.push(round);
      return round.promise;
    },
  };
}

test("The first round comes after an interval, or at once where that is asked for", async () => {
  let rounds = 0;
  const later = recurring(() => void rounds++);
  await later.clock.advanceAsync(MINUTE - 1);
  expect(rounds).toBe(0);
  await later.clock.advanceAsync(1);
  expect(rounds).toBe(1);

  let immediate = 0;
  const now = recurring(() => void immediate++, { immediately: true });
  await now.clock.advanceAsync(0);
  expect(immediate).toBe(1);
});

test("A round that throws or rejects is reported once, and never the last", async () => {
  let rounds = 0;
  const { clock, errors } = recurring(() => {
    rounds += 1;
    if (rounds === 1) throw new Error("thrown");
    return rounds === 2 ? Promise.reject(new Error("rejected")) : undefined;
  });
  await clock.advanceAsync(3 * MINUTE);
  expect(errors).toEqual([new Error("thrown"), new Error("rejected")]);
  expect(rounds).toBe(3);
});

test("The interval begins at the end of a round, however long that took", async () => {
  const { rounds, work } = heldWork();
  const { clock } = recurring(work);
  await clock.advanceAsync(10 * MINUTE);
  expect(rounds).toHaveLength(1);
  rounds[0]?.resolve();
  await clock.advanceAsync(MINUTE - 1);
  expect(rounds).toHaveLength(1);
  await clock.advanceAsync(1);
  expect(rounds).toHaveLength(2);
});

test("A function gives the time to the next round, and hears how the last one ended", async () => {
  const heard: string[] = [];
  const at: number[] = [];
  const start = Date.UTC(2026, 0, 1, 0, 1, 30);
  const clock = createFakeClock(start);
  await using _loop = every(
    () => {
      at.push(clock.now() - start);
      if (at.length === 1) throw new Error("once");
    },
    {
      // Each full minute of the clock.
      interval: (last) => {
        heard.push(last);
        return MINUTE - (clock.now() % MINUTE);
      },
      clock,
      onError: () => undefined,
    },
  );
  await clock.advanceAsync(2 * MINUTE);
  expect(at).toEqual([30_000, 90_000]);
  expect(heard).toEqual(["none", "failed", "succeeded"]);
});

test("A function that throws or gives no number is reported, and the rounds continue a minute later", async () => {
  let asked = 0;
  let rounds = 0;
  const { clock, errors } = recurring(() => void rounds++, {
    interval: () => {
      asked += 1;
      if (asked === 1) throw new Error("no time");
      return asked === 2 ? Number.NaN : MINUTE;
    },
  });
  await clock.advanceAsync(3 * MINUTE);
  expect(rounds).toBe(3);
  expect(errors).toEqual([new Error("no time"), new TypeError("The interval is not a number")]);
});

test("Without a time there is no timer, until the interval is asked again", async () => {
  let due = Number.POSITIVE_INFINITY;
  let rounds = 0;
  const { clock, loop } = recurring(
    () => {
      rounds += 1;
      due = Number.POSITIVE_INFINITY;
    },
    { interval: () => due },
  );
  expect(clock.waiting).toBe(0);
  due = 5000;
  loop.reschedule();
  due = 1000;
  loop.reschedule();
  expect(clock.waiting).toBe(1);
  await clock.advanceAsync(1000);
  expect({ rounds, waiting: clock.waiting }).toEqual({ rounds: 1, waiting: 0 });
  due = -1;
  loop.reschedule();
  await clock.advanceAsync(0);
  expect(rounds).toBe(2);
});

test("runNow does a round at once, and the interval counts from its end", async () => {
  let rounds = 0;
  const { clock, loop } = recurring(() => void rounds++);
  await clock.advanceAsync(MINUTE - 1);
  await loop.runNow();
  expect(rounds).toBe(1);
  await clock.advanceAsync(MINUTE - 1);
  expect(rounds).toBe(1);
  await clock.advanceAsync(1);
  expect(rounds).toBe(2);
});

test("A round that had begun before runNow is not enough: one more follows, and all who asked share it", async () => {
  const { rounds, work } = heldWork();
  const { clock, loop } = recurring(work, { immediately: true });
  await clock.advanceAsync(0);
  const ended: string[] = [];
  const asked = [loop.runNow().then(() => ended.push("first")), loop.runNow().then(() => ended.push("second"))];
  rounds[0]?.reject(new Error("failed"));
  await clock.advanceAsync(0);
  expect(rounds).toHaveLength(2);
  expect(ended).toEqual([]);
  rounds[1]?.resolve();
  await Promise.all(asked);
  await clock.advanceAsync(MINUTE - 1);
  expect(rounds).toHaveLength(2);
});

test("Disposal cancels the timer, and nothing begins after it", async () => {
  let rounds = 0;
  const { clock, loop } = recurring(() => void rounds++);
  await loop[Symbol.asyncDispose]();
  expect(clock.waiting).toBe(0);
  await loop.runNow();
  loop.reschedule();
  await clock.advanceAsync(2 * MINUTE);
  expect(rounds).toBe(0);
});

test("Disposal in the turn of the start leaves out the immediate round", async () => {
  let rounds = 0;
  const { clock, loop } = recurring(() => void rounds++, { immediately: true });
  const following = loop.runNow();
  await loop[Symbol.asyncDispose]();
  await following;
  await clock.advanceAsync(2 * MINUTE);
  expect({ rounds, waiting: clock.waiting }).toEqual({ rounds: 0, waiting: 0 });
});

test("Disposal aborts the round under way and waits for its end; what was to follow is left out", async () => {
  const { rounds, work } = heldWork();
  let aborted = false;
  const { clock, loop } = recurring(
    (signal) => {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      return work();
    },
    { immediately: true },
  );
  await clock.advanceAsync(0);
  const following = loop.runNow();
  let disposed = false;
  const disposal = loop[Symbol.asyncDispose]().then(() => {
    disposed = true;
  });
  await clock.advanceAsync(0);
  expect({ aborted, disposed }).toEqual({ aborted: true, disposed: false });
  rounds[0]?.resolve();
  await Promise.all([disposal, following]);
  expect(rounds).toHaveLength(1);
  expect(clock.waiting).toBe(0);
});

test("An abort by disposal is no failure; another error at that time is reported", async () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const quiet = recurring(untilAborted, { immediately: true });
  await quiet.clock.advanceAsync(0);
  await quiet.loop[Symbol.asyncDispose]();
  expect(quiet.errors).toEqual([]);

  const { rounds, work } = heldWork();
  const loud = recurring(work, { immediately: true });
  await loud.clock.advanceAsync(0);
  const disposal = loud.loop[Symbol.asyncDispose]();
  rounds[0]?.reject(new Error("disk full"));
  await disposal;
  expect(loud.errors).toEqual([new Error("disk full")]);
});

test("Whatever is asked, rounds never overlap, none is the last, and each request is answered by a round that began after it", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("advance" as const), by: fc.integer({ min: 0, max: 2000 }) }),
    fc.constant({ kind: "runNow" as const }),
    fc.constant({ kind: "reschedule" as const }),
    fc.record({ kind: fc.constant("end" as const), fails: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, immediately) => {
      const clock = createFakeClock();
      let begun = 0;
      let failures = 0;
      let reported = 0;
      let open: PromiseWithResolvers<void> | null = null;
      const loop = every(
        () => {
          expect(open).toBeNull();
          begun += 1;
          open = Promise.withResolvers<void>();
          return open.promise;
        },
        { interval: 1000, clock, onError: () => void reported++, immediately },
      );
      const end = async (fails: boolean) => {
        const round = open;
        open = null;
        if (fails && round !== null) failures += 1;
        if (fails) round?.reject(new Error("failed"));
        else round?.resolve();
        await clock.advanceAsync(0);
      };
      const answers: Promise<void>[] = [];
      await clock.advanceAsync(0);
      for (const next of steps) {
        if (next.kind === "advance") await clock.advanceAsync(next.by);
        else if (next.kind === "reschedule") loop.reschedule();
        else if (next.kind === "end") await end(next.fails);
        else {
          const before = begun;
          answers.push(loop.runNow().then(() => expect(begun).toBeGreaterThan(before)));
        }
        expect(clock.waiting).toBeLessThanOrEqual(1);
      }
      await end(false);
      await end(false);
      await Promise.all(answers);
      expect(reported).toBe(failures);
      const before = begun;
      await clock.advanceAsync(1000);
      expect(begun).toBe(before + 1);
      const disposal = loop[Symbol.asyncDispose]();
      await end(false);
      await disposal;
      expect(clock.waiting).toBe(0);
    }),
    { numRuns: 200 },
  );
});
