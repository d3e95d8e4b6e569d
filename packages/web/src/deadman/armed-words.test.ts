import { expect, test } from "vitest";
import { armedWords } from "./armed-words.ts";

const until = new Date(2026, 8, 12, 12, 4, 33).getTime();
const armed = { until, back: "/nix/store/8q1vabcdfghijklmnpqrsvwxyz012345-nixos-system-csb1-26.05" };

test("R37: an open confirm window has its end, the time left, and the target of the rollback", () => {
  expect(armedWords(armed, until - 38_000)).toEqual({
    lead: "Waiting for confirmation until 12:04:33",
    left: "38\u00a0s",
    otherwise: "Otherwise the host rolls back to nixos-system-csb1-26.05.",
  });
});

test("R37: it counts down to one second, and ends only when the time is over", () => {
  expect(armedWords(armed, until - 1).left).toBe("1\u00a0s");
  expect(armedWords(armed, until - 1_001).left).toBe("2\u00a0s");
  expect(armedWords(armed, until)).toEqual({
    lead: "Not confirmed by 12:04:33",
    left: null,
    otherwise: "The host is rolling back to nixos-system-csb1-26.05.",
  });
});

test("what it rolls back to can be given in words", () => {
  expect(armedWords({ ...armed, back: "generation 287" }, 0).otherwise).toBe("Otherwise the host rolls back to generation 287.");
});
