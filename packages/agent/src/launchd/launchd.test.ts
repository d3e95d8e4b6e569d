import { expect, test } from "vitest";
import { hasFailed } from "./launchd.ts";

/** In the form in which `launchctl print system/<label>` shows a job. */
const job = (...lines: string[]) =>
  `system/com.example.job = {\n\tactive count = 1\n${lines.map((line) => `\t${line}\n`).join("")}}\n`;

test.for([
  ["runs", job("state = running", "pid = 7", "last exit code = 1"), false],
  ["has never run", job("state = not running", "last exit code = (never exited)"), false],
  ["ended well", job("state = not running", "last exit code = 0"), false],
  ["ended badly", job("state = not running", "last exit code = 78: EX_CONFIG"), true],
  ["was killed", job("state = not running", "last terminating signal = Killed: 9"), true],
  ["is to be started again after a fault", job("state = spawn scheduled", "last exit code = 1"), true],
] as const)("a job that %s: failed is %s", ([, text, expected]) => {
  expect(hasFailed(text)).toBe(expected);
});
