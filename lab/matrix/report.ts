import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { FAULTS, type FaultName } from "./faults.ts";
import { CONFIRM_TIMEOUT } from "./lane.ts";
import { PHASES, type PhaseName } from "./phases.ts";
import { AWAY, MATRIX } from "./table.ts";

/** What came of a pair. */
export interface Result {
  readonly end: string;
  readonly secondsUnreachable: number;
  readonly secondsToEnd: number;
}

export type Results = ReadonlyMap<string, Result>;

/** What `lab/measure.ts` found last, as Markdown. */
export const MEASURED = resolve(import.meta.dirname, "../../.lab/measured.md");

export const keyOf = (fault: FaultName, phase: PhaseName) => `${fault} ${phase}`;

/** Writes lab/report.md if every pair was tried and is good, else one beside the lab's own files, which git does not see. */
export async function writeReport(results: Results, failed: ReadonlySet<string>): Promise<string> {
  const pairs = Object.entries(MATRIX).flatMap(([fault, row]) =>
    PHASES.flatMap((phase) => (typeof row[phase] === "string" ? [] : [keyOf(fault as FaultName, phase)])),
  );
  const isWhole = pairs.every((pair) => results.has(pair));
  const path = isWhole ? join(import.meta.dirname, "../report.md") : resolve(import.meta.dirname, "../../.lab/report.md");
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const measured = await readFile(MEASURED, "utf8").catch(() => "Nothing was measured: `make lab-measure` does it.\n");
  await writeFile(path, `${render(results, failed, pairs)}\n## Measured\n\n${measured}`);
  return path;
}

function render(results: Results, failed: ReadonlySet<string>, pairs: readonly string[]): string {
  const good = pairs.filter((pair) => results.has(pair)).length;
  const longest = Math.max(0, ...[...results.values()].map(({ secondsUnreachable }) => secondsUnreachable));
  const notes: string[] = [];
  const rows = Object.entries(MATRIX).map(([fault, row]) => {
    const cells = PHASES.map((phase) => {
      const pair = row[phase];
      if (typeof pair !== "string") return cellOf(keyOf(fault as FaultName, phase), results, failed);
      if (!notes.includes(pair)) notes.push(pair);
      return `— (${notes.indexOf(pair) + 1})`;
    });
    return `| ${[FAULTS[fault as FaultName].title, ...cells].join(" | ")} |`;
  });
  return `# Fault matrix

Each cell is a switch of a real systemd host that was kept in the phase while the fault was brought about. Checked in each: one
terminal state, and it is true; the host in reach again within the confirm window and 60 s; the log whole and in order; one agent;
nothing armed left; the next switch succeeds.

${good} of ${pairs.length} pairs are good. Confirm window: ${CONFIRM_TIMEOUT} s. Longest out of reach: ${longest.toFixed(1)} s.
In a cell: how the run ended, seconds out of reach, seconds from the fault to the end of the run. The dashboard that is away comes
back after ${AWAY} s, which are in both.

| | ${PHASES.join(" | ")} |
|---|${PHASES.map(() => "---|").join("")}
${rows.join("\n")}

${notes.map((note, index) => `${index + 1}. ${note.charAt(0).toUpperCase()}${note.slice(1)}.`).join("\n")}
`;
}

function cellOf(key: string, results: Results, failed: ReadonlySet<string>): string {
  const result = results.get(key);
  if (result === undefined) return failed.has(key) ? "**not good**" : "not tried";
  return `${result.end}; ${result.secondsUnreachable.toFixed(1)}; ${result.secondsToEnd.toFixed(1)}`;
}
