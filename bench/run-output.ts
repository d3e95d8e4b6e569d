import { isTerminal } from "@nixfleet/protocol";
import { createFlakeFixture, createNixEnv, createTempDir } from "@nixfleet/testkit";
import { type ApiClient, setUpAdministrator } from "@nixfleet/testkit/api-client";
import { startAgent, startDashboard } from "@nixfleet/testkit/built-programs";
import { type Figure, MB, median, pause, readProcess } from "./measure.ts";

const LINES = 200_000;
const RUNS = 3;

/** A test script of a host prints 200,000 lines: how fast they are in the database, and what agent and runner weigh meanwhile. */
export async function runOutput(): Promise<Figure[]> {
  await using flake = await createFlakeFixture();
  const script = `#!/bin/sh\nseq -f 'line %.0f of a build that has much to say about what it does' ${LINES}\n`;
  await flake.commitFlake("begin", { hosts: { talker: { tests: { "T01-talk.sh": script } } } });
  await using dashboard = await startDashboard({ NIXFLEET_REPO_URL: flake.url });
  await using dir = await createTempDir("nixfleet-bench-");
  const nix = await createNixEnv(`${dir.path}/nix`);
  const api = await setUpAdministrator(await dashboard.setupLink(), "bench", "correct horse battery");
  const { token } = await api.call("addHost", { body: { name: "talker", platform: "nixos" } });
  await using agent = await startAgent(dir, nix, { url: dashboard.origin, token, hostname: "talker", repoUrl: flake.url });
  await agent.program.says(/"event":"link-up"/);
  await finish(api, "pull");

  const rates: number[] = [];
  let runnerPeak = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const { startedAt, storedAt, peak } = await finish(api, "test", () => runnerPid(agent.program.output()));
    rates.push((LINES * 1000) / (storedAt - startedAt));
    runnerPeak = Math.max(runnerPeak, peak);
  }
  const { peak } = await readProcess(agent.program.pid);
  return [
    { what: "agent while a run prints 200,000 lines: highest RSS", value: peak / MB, unit: "MB", bar: 80 },
    { what: "runner while it prints them: highest RSS", value: runnerPeak / MB, unit: "MB", bar: 80 },
    {
      what: "log lines a second, from a runner's output to the database",
      value: median(rates),
      unit: "lines/s",
      bar: 20_000,
      least: true,
      note: `median of ${RUNS}`,
    },
  ];
}

function runnerPid(output: string): number {
  return Number([...output.matchAll(/"event":"runner-started","pid":(\d+)/g)].at(-1)?.[1] ?? 0);
}

/** Starts an op and waits until all that it wrote is stored. Times are the dashboard's, in milliseconds. */
async function finish(api: ApiClient, op: "pull" | "test", runner?: () => number) {
  const { id } = await api.call("startRun", { params: { host: "talker" }, body: { op } });
  let peak = 0;
  for (;;) {
    const { summary, log } = await api.call("run", { params: { run: id } });
    const pid = runner?.() ?? 0;
    const seen = pid > 0 ? await readProcess(pid).then((reading) => reading.peak, gone) : 0;
    // A process that is ending has no memory any more, and tells none.
    if (seen > peak) peak = seen;
    if (isTerminal(summary.state)) {
      if (summary.state !== "succeeded") throw new Error(`${op}: ${summary.sentence}`);
      if (op === "test" && log.lines < LINES) throw new Error(`Only ${log.lines} lines are stored.`);
      const phase = summary.phases[0];
      return { startedAt: phase?.startedAt ?? 0, storedAt: Date.now(), peak };
    }
    await pause(25);
  }
}

/** The runner has ended between two looks. */
function gone(error: NodeJS.ErrnoException): number {
  if (error.code === "ENOENT" || error.code === "ESRCH") return 0;
  throw error;
}
