import { expect, test } from "vitest";
import { sparklinePath } from "./sparkline-path.ts";

const box = { width: 100, height: 44, min: 0, max: 1 };

test("the first sample is at the left edge, the last at the right, the greatest at the top", () => {
  expect(sparklinePath([0, 1], box).line).toBe("M0 42L100 2");
});

test("a missing sample breaks the line and is not drawn as zero", () => {
  const { line, area } = sparklinePath([1, undefined, 1, 1], box);
  expect(line).toBe("M0 2M66.7 2L100 2");
  expect(area).toBe("M0 2L0 44L0 44ZM66.7 2L100 2L100 44L66.7 44Z");
});

test("a value outside of the scale is drawn at its edge", () => {
  expect(sparklinePath([-5, 9], box).line).toBe("M0 42L100 2");
});

test("without samples nothing is drawn", () => {
  expect(sparklinePath([], box)).toEqual({ line: "", area: "" });
  expect(sparklinePath([undefined], box)).toEqual({ line: "", area: "" });
});
