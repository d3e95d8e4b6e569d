import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Outcome, RunEvent } from "@nixfleet/protocol";
import { expect } from "vitest";
import * as z from "zod";
import type { Finding } from "./cell.ts";
import { untilOutcome } from "./faults.ts";
import { type Lane, until } from "./lane.ts";
import type { Pair } from "./table.ts";

const LIMIT = 30_000;
const recordSchema = z.object({ outcome: Outcome, lastSeq: z.number() });

/** The run has one terminal state: the dashboard's, the host's own record and what the host is say the same. */
export async function expectTruth(lane: Lane, { ends }: Pair, { run, before, label }: Finding): Promise<void> {
  const { lab, host } = lane;
  const { summary, outcome } = run;
  const log = await lab.logOf(summary.id);
  const end = outcome?.code == null ? summary.state : `${summary.state} ${outcome.code}`;
  expect(ends, `${end}: ${outcome?.reason}\n${log.slice(-3000)}`).toContain(end);

  // Written last, after the dashboard has heard of the end.
  await untilOutcome(lane, summary.id, LIMIT);
  const record = recordSchema.parse(JSON.parse(await host.readFile(`${spoolOf(summary.id)}/outcome.json`)));
  expect(record.outcome.state).toBe(summary.state);
  if ("code" in record.outcome) expect(record.outcome.code).toBe(outcome?.code);

  const running = await host.run("readlink", "-f", "/run/current-system");
  const profile = await host.run("readlink", "-f", "/nix/var/nix/profiles/system");
  if (summary.state === "succeeded") expect(running).toMatch(new RegExp(`-${RegExp.escape(label)}$`));
  else expect(running).toBe(before);
  expect(profile).toBe(running);
  await lab.untilHost(host.name, ({ facts }) => facts.running?.closure === running && facts.deadman === null);
}

/** The log is complete and in order: in the spool, and at the dashboard. */
export async function expectWholeLog({ lab, host }: Lane, run: string): Promise<void> {
  const text = await host.readFile(`${spoolOf(run)}/events.jsonl`);
  const events = text.split("\n").flatMap((line) => (line === "" ? [] : [RunEvent.parse(JSON.parse(line))]));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ kind }) => kind === "finished")).toHaveLength(1);
  expect(events.at(-1)?.kind).toBe("finished");

  expect(storedSeq(lab.dashboard.directory, run)).toBe(events.length);
  const written = events.flatMap((event) => (event.kind === "log" ? event.lines : []));
  const { lines } = await lab.api.call("runLog", { params: { run }, query: { from: 1, limit: 10_000, format: "json" } });
  expect(lines.map(({ n }) => n)).toEqual(written.map((_, index) => index + 1));
  expect(lines.map(({ text: line }) => line)).toEqual(written.map(({ text: line }) => line));
}

/** One agent acts for the host, nothing is armed or running, and nobody else claims to be the host. */
export async function expectCalm({ lab, host }: Lane): Promise<void> {
  const isQuiet = async () => {
    const units = ["nixfleet-deadman-*", "nixfleet-undo*", "nixos-rebuild-switch-to-configuration*", "nixfleet-runner.service"];
    const listed = await host.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating", ...units);
    const armed = (await host.exec(["test", "-e", "/var/lib/nixfleet-runner/deadman.json"])).exitCode === 0;
    // The daemon may wake the runner at any time, for a look at the repository; it takes a moment.
    const waiting = await host.run("ls", "/var/lib/nixfleet-agent/queue");
    return listed === "" && !armed && waiting.trim() === "" && (await agentsOf(host)) === 1;
  };
  await until("One agent, and nothing armed or running", isQuiet, LIMIT);
  expect((await lab.hostView(host.name)).row.conflict).toBeNull();
}

/** The next switch is like any other. */
export async function expectNextSwitch(lane: Lane, label: string): Promise<void> {
  const { lab, host } = lane;
  const commit = await lane.publish(`${label}-next`, async (plain) => plain);
  const run = await lab.perform(host.name, "switch", { commit });
  expect(run.summary.state, `${run.outcome?.reason}\n${await lab.logOf(run.summary.id)}`).toBe("succeeded");
  expect(await host.run("readlink", "-f", "/run/current-system")).toMatch(/-next$/);
  await expectCalm(lane);
  await lab.untilOnline(host.name);
}

/** Up to which event the dashboard has stored the run: it takes them in order, without gaps, and each once. */
function storedSeq(dashboard: string, run: string): number {
  const database = new DatabaseSync(join(dashboard, "data/nixfleet.db"), { readOnly: true });
  try {
    return Number(database.prepare("select stored_seq from runs where id = ?").get(run)?.["stored_seq"]);
  } finally {
    database.close();
  }
}

const spoolOf = (run: string) => `/var/lib/nixfleet-runner/runs/${run}`;

async function agentsOf(host: Lane["host"]): Promise<number> {
  const processes = await host.run("ps", "-e", "-o", "args=");
  return processes.split("\n").filter((line) => / \S+\/nixfleet-agent\.js run --runner=service$/.test(line)).length;
}
