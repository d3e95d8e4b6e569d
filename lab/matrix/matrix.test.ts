import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMIT, runCell } from "./cell.ts";
import { expectCalm, expectNextSwitch, expectTruth, expectWholeLog } from "./expectations.ts";
import { FAULTS, type Fault, type FaultName } from "./faults.ts";
import { type Lane, startLane } from "./lane.ts";
import { PHASES, type PhaseName } from "./phases.ts";
import { keyOf, type Result, writeReport } from "./report.ts";
import { MATRIX, type Pair } from "./table.ts";

/** As many at a time as vitest runs (`maxConcurrency`). */
const LANES = 3;
const lanes: Lane[] = [];
const free: Lane[] = [];
const results = new Map<string, Result>();
const failed = new Set<string>();

beforeAll(async () => {
  // One after the other: the first lab makes what the others share.
  for (let number = 0; number < LANES; number++) lanes.push(await startLane());
  free.push(...lanes);
});
afterAll(async () => {
  console.log(`The report is in ${await writeReport(results, failed)}.`);
  await Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]()));
});

describe.concurrent("the fault matrix", () => {
  for (const [fault, row] of Object.entries(MATRIX) as [FaultName, (typeof MATRIX)[FaultName]][]) {
    for (const phase of PHASES) {
      const pair = row[phase];
      if (typeof pair === "string") continue;
      test(`${pair.proves}: ${FAULTS[fault].title} × ${phase} ends ${pair.ends.join(" or ")}`, () =>
        expectPair(fault, phase, pair));
    }
  }
});

async function expectPair(fault: FaultName, phase: PhaseName, pair: Pair): Promise<void> {
  const lane = free.pop();
  if (lane === undefined) throw new Error("More tests run at a time than there are lanes.");
  try {
    await lane.prepare();
    const finding = await runCell(lane, fault, phase, pair);
    await expectTruth(lane, pair, finding);
    await expectWholeLog(lane, finding.run.summary.id);
    await expectCalm(lane);
    expect(finding.secondsUnreachable * 1000).toBeLessThan(LIMIT);
    await expectNextSwitch(lane, finding.label);
    await (FAULTS[fault] as Fault).tidy?.(lane);
    const { summary, outcome } = finding.run;
    const end = outcome?.code == null ? summary.state : `${summary.state} ${outcome.code}`;
    results.set(keyOf(fault, phase), {
      end,
      secondsUnreachable: finding.secondsUnreachable,
      secondsToEnd: finding.secondsToEnd,
    });
    lane.isWell();
  } catch (error) {
    failed.add(keyOf(fault, phase));
    throw new Error(`${(error as Error).message}\nMore is in ${await keepTraces(lane, fault, phase)}.`, { cause: error });
  } finally {
    free.push(lane);
  }
}

/** Records what the host has to say, for whoever looks into a cell that is not good. */
async function keepTraces({ host }: Lane, fault: FaultName, phase: PhaseName): Promise<string> {
  const directory = resolve(import.meta.dirname, "../../.lab/failed");
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${fault}-${phase}.txt`);
  const spools = 'cd /var/lib/nixfleet-runner/runs; for f in $(ls -d */* | tail -40); do echo "== $f"; tail -c 4000 "$f"; done';
  const words = host.isRunning
    ? [await host.journal(), (await host.exec(["sh", "-c", spools])).stdout]
    : [`${host.name} is off.`, await host.console()];
  await writeFile(path, words.join("\n"));
  return path;
}
