/** `make bench`: measures the built programs, and prints a table and JSON. Bars are asked for, not asserted. */
import { cpus, totalmem } from "node:os";
import { agentIdle } from "./agent-idle.ts";
import type { Figure } from "./measure.ts";
import { runOutput } from "./run-output.ts";
import { thousandHosts } from "./thousand-hosts.ts";
import { yearOfRuns } from "./year-of-runs.ts";

const parts = { "agent-idle": agentIdle, "run-output": runOutput, "thousand-hosts": thousandHosts, "year-of-runs": yearOfRuns };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`There is no measurement ${unknown.join(", ")}. There are: ${Object.keys(parts).join(", ")}.`);
  process.exit(2);
}

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name} …`);
  try {
    figures.push(...(await measure()));
  } catch (error) {
    // What failed first is wrapped by whatever failed while it was cleared away.
    for (
      let cause: unknown = error;
      cause !== undefined;
      cause = cause instanceof SuppressedError ? cause.suppressed : undefined
    ) {
      console.error(cause instanceof SuppressedError ? cause.error : cause);
    }
    process.exit(1);
  }
}

const number = (value: number) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
const met = ({ value, bar, least }: Figure) => bar === null || (least ? value >= bar : value <= bar);
const rows = figures.map((figure) => [
  figure.what,
  `${number(figure.value)} ${figure.unit}`,
  figure.bar === null ? "" : `${figure.least ? "at least" : "at most"} ${number(figure.bar)}`,
  met(figure) ? "yes" : "no",
  figure.note ?? "",
]);
const machine = `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
console.log(`Machine: ${machine}\n`);
for (const row of [["what", "measured", "asked", "met", "how"], ["---", "---", "---", "---", "---"], ...rows])
  console.log(`| ${row.join(" | ")} |`);
console.log(`\n${JSON.stringify({ machine, figures: figures.map((figure) => ({ ...figure, met: met(figure) })) })}`);
