import type { Clock } from "@nixfleet/runtime";

export interface FakeClock extends Clock {
  /** Moves time forward, calling what falls due in order of its time; what that starts is called too, if it falls due. */
  advance(ms: number): void;
  /** As `advance`, but lets promises settle after each call, so that code which awaits between two timers is followed. */
  advanceAsync(ms: number): Promise<void>;
  /** Moves the wall clock without any timer falling due: the machine's clock was set. */
  jump(ms: number): void;
  /** How many timers wait. */
  readonly waiting: number;
}

interface Timer {
  due: number;
  order: number;
  fn: () => void;
}

/** A clock that stands still until it is told to move. Starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let wall = start;
  let elapsed = 0; // timers count what has passed, as the system's do: a jump of the wall clock does not fire them
  let order = 0;
  const timers = new Set<Timer>();

  const nextDue = (limit: number): Timer | undefined =>
    [...timers].filter((timer) => timer.due <= limit).sort((a, b) => a.due - b.due || a.order - b.order)[0];
  const moveTo = (target: number) => {
    wall += target - elapsed;
    elapsed = target;
  };
  const fire = (timer: Timer) => {
    moveTo(Math.max(timer.due, elapsed));
    timers.delete(timer);
    timer.fn();
  };

  return {
    now: () => wall,
    setTimeout(fn, ms) {
      const timer = { due: elapsed + Math.max(0, ms), order: order++, fn };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    advance(ms) {
      const limit = elapsed + ms;
      for (let timer = nextDue(limit); timer !== undefined; timer = nextDue(limit)) fire(timer);
      moveTo(limit);
    },
    async advanceAsync(ms) {
      const limit = elapsed + ms;
      await settle();
      for (let timer = nextDue(limit); timer !== undefined; timer = nextDue(limit)) {
        fire(timer);
        await settle();
      }
      moveTo(limit);
    },
    jump(ms) {
      wall += ms;
    },
    get waiting() {
      return timers.size;
    },
  };
}

/** Runs all promise callbacks that can run now: setImmediate comes after every microtask. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
