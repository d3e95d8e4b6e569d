import { expect, test } from "vitest";
import { markHits } from "./marks.ts";

test("every match is marked, whatever its case, and the rest keeps its style", () => {
  expect(markHits([{ text: "Kernel of the kernel", color: "red" }], "kernel")).toEqual([
    { text: "Kernel", color: "red", marked: true },
    { text: " of the ", color: "red" },
    { text: "kernel", color: "red", marked: true },
  ]);
});

test("a match can span several styles", () => {
  expect(markHits([{ text: "lin" }, { text: "ux-6", bold: true }], "nux")).toEqual([
    { text: "li" },
    { text: "n", marked: true },
    { text: "ux", bold: true, marked: true },
    { text: "-6", bold: true },
  ]);
});

test("without a query or a match the spans do not change", () => {
  const spans = [{ text: "a" }];
  expect(markHits(spans, "")).toBe(spans);
  expect(markHits(spans, "b")).toBe(spans);
});
