import { expect, test } from "vitest";
import { countOf, formatBytes, formatBytesChange, formatBytesOf, formatPercent } from "./quantity.ts";

const GIB = 1024 ** 3;
const plain = (text: string) => text.replaceAll("\u00a0", " ");

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [412 * 1024 ** 2, "412 MiB"],
  [7.8 * GIB, "7.8 GiB"],
  [80 * GIB, "80 GiB"],
])("%i bytes read %s", (bytes, text) => {
  expect(plain(formatBytes(bytes))).toBe(text);
});

test("a part has the unit of its whole", () => {
  expect(plain(formatBytesOf(0.5 * GIB, 80 * GIB))).toBe("0.5 of 80 GiB");
  expect(plain(formatBytesOf(31 * GIB, 80 * GIB))).toBe("31 of 80 GiB");
});

test("a percentage is 0 or 100 only when nothing or everything is done", () => {
  expect(plain(formatPercent(0.001))).toBe("1 %");
  expect(plain(formatPercent(0.999))).toBe("99 %");
  expect(plain(formatPercent(0))).toBe("0 %");
  expect(plain(formatPercent(1))).toBe("100 %");
});

test("one is singular, zero and many are plural", () => {
  expect([countOf(1, "host"), countOf(0, "host"), countOf(2, "host")]).toEqual(["1 host", "0 hosts", "2 hosts"]);
});

test("a change of bytes has its sign, and none where there is none", () => {
  expect([formatBytesChange(412 * 1024 ** 2), formatBytesChange(-18 * 1024 ** 2), formatBytesChange(0)]).toEqual([
    "+412\u00a0MiB",
    "−18\u00a0MiB",
    "0\u00a0B",
  ]);
});
