/**
 * Runs vitest over everything, or over the files that the arguments filter for, and ends with one line that is true:
 * `N passed, N failed`. It is written after vitest has ended, so nothing can come after it, and it is there also when vitest
 * itself dies. The same line is in `test-results/summary.txt` afterwards. Exit code 0 only if something ran and all passed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { isGood, type Tally } from "./tally.ts";

const root = resolve(import.meta.dirname, "../..");
const results = resolve(root, "test-results");
const tallyFile = resolve(results, "tally.json");
const summaryFile = resolve(results, "summary.txt");
mkdirSync(results, { recursive: true });
rmSync(tallyFile, { force: true });
rmSync(summaryFile, { force: true });

const vitest = spawn(
  process.execPath,
  [
    resolve(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    `--reporter=${resolve(import.meta.dirname, "tally-reporter.ts")}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, NIXFLEET_TALLY: tallyFile } },
);
// A terminal's Ctrl-C reaches vitest by itself; a signal sent to this process alone is passed on.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => vitest.kill(signal));
const [code, signal] = (await once(vitest, "exit")) as [number | null, NodeJS.Signals | null];

const counted = existsSync(tallyFile);
const result: Tally = counted
  ? (JSON.parse(readFileSync(tallyFile, "utf8")) as Tally)
  : { passed: 0, failed: 0, skipped: 0, broken: [] };
for (const sentence of result.broken) console.log(`broken: ${sentence}`);
if (result.skipped > 0) console.log(`${result.skipped} skipped, which counts as a failed run`);
if (!counted || (code !== 0 && result.failed === 0)) console.log(`vitest ended with ${signal ?? `exit code ${code}`}`);
const summary = `${result.passed} passed, ${result.failed} failed`;
writeFileSync(summaryFile, `${summary}\n`);
console.log(summary);
process.exitCode = isGood(result) && code === 0 ? 0 : 1;
