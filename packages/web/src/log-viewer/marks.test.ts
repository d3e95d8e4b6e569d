import { expect, test } from "vitest";
import { markHits } from "./marks.ts";

test("every hit is marked, whatever its case, and the rest keeps its style", () => {
  expect(markHits([{ text: "Kernel of the kernel", color: "red" }], "kernel")).toEqual([
    { text: "Kernel", color: "red", marked: true },
    { text: " of the ", color: "red" },
    { text: "kernel", color: "red", marked: true },
  ]);
});

test("a hit reaches over spans of different styles", () => {
  expect(markHits([{ text: "lin" }, { text: "ux-6", bold: true }], "nux")).toEqual([
    { text: "li" },
    { text: "n", marked: true },
    { text: "ux", bold: true, marked: true },
    { text: "-6", bold: true },
  ]);
});

test("without a query or a hit the spans stay as they are", () => {
  const spans = [{ text: "a" }];
  expect(markHits(spans, "")).toBe(spans);
  expect(markHits(spans, "b")).toBe(spans);
});
