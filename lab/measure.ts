/** `make lab-measure`: how long a rollback takes, and what a switch of ours costs beside the bare steps. Medians of 3. */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { dirname } from "node:path";
import { isTerminal } from "@nixfleet/protocol";
import { brokenNetworkUnit } from "./host-configuration.ts";
import { WITH_FLAKES } from "./install.ts";
import { untilOutcome } from "./matrix/faults.ts";
import { CONFIRM_TIMEOUT, type Lane, startLane } from "./matrix/lane.ts";
import { hold, holdable, PHASES, type PhaseName } from "./matrix/phases.ts";
import { cutPowerInUndo, provokeUndo, withoutUndoGate } from "./matrix/power-cuts.ts";
import { MEASURED } from "./matrix/report.ts";
import { HOLD } from "./matrix/undo-gates.ts";

const ROUNDS = 3;

const BUILD = `closure=$(nix ${WITH_FLAKES} build --refresh --no-link --json "git+$1?ref=main&rev=$2#nixosConfigurations.$3.config.system.build.toplevel" | sed 's/.*"out":"\\([^"]*\\)".*/\\1/')`;
const SWITCH = 'nix-env -p /nix/var/nix/profiles/system --set "$closure" && "$closure/bin/switch-to-configuration" switch';

interface Measurement {
  readonly what: string;
  readonly bar: string;
  readonly values: readonly string[];
}

interface Cut {
  readonly phase: PhaseName;
  /** Where it is not in the phase itself, but in the undo of it: how many of them. */
  readonly undoCuts?: 1 | 2;
}

await using lane = await startLane();
await lane.prepare();
const boot = await measureSeconds("A boot of an idle host, by itself", "", bootIdle);
const bootBar = `${(boot.median + 15).toFixed(1)} s`;
const afterCut = (what: string, cut: Parameters<typeof isReachable>[2]) =>
  measureSeconds(`Power back, after it was lost in ${what}, until the host is in reach`, bootBar, (on, round) =>
    isReachable(on, round, cut),
  );
const rows = [
  await measureSeconds("A broken network configuration until the old one runs again", `${CONFIRM_TIMEOUT + 15} s`, isRolledBack),
  await measureSeconds("A switch of ours beyond nix build, nix-env --set and switch-to-configuration", "1.5 s", overhead),
  await measureSeconds("The agent back after its own replacement", "10 s", isBack),
  boot,
  ...(await inTurn(PHASES, (phase) => afterCut(phase, { phase }))),
  await afterCut("the undo of an activation", { phase: "activate", undoCuts: 1 }),
  await afterCut("the undo of an activation, and in the next boot's", { phase: "activate", undoCuts: 2 }),
  await afterCut("the undo of the last steps, and in the next boot's", { phase: "permanent", undoCuts: 2 }),
  { what: "The agent's closure beyond nodejs", bar: "2 MB", values: [`${((await agentBytes(lane)) / 1e6).toFixed(2)} MB`] },
];
const text = render(rows);
await mkdir(dirname(MEASURED), { recursive: true });
await writeFile(MEASURED, text);
console.log(text);

async function measureSeconds(
  what: string,
  bar: string,
  measure: (on: Lane, round: number) => Promise<number>,
): Promise<Measurement & { readonly median: number }> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) seconds.push(await measure(lane, round));
  const sorted = seconds.toSorted((a, b) => a - b);
  const median = sorted[1] ?? 0;
  console.log(`${what}: ${sorted.map((value) => value.toFixed(1)).join(", ")} s`);
  return { what, bar, median, values: [median, sorted[0] ?? 0, sorted[2] ?? 0].map((value) => `${value.toFixed(1)} s`) };
}

function render(measured: readonly Measurement[]): string {
  const lines = measured.map(({ what, bar, values: [median = "", ...range] }) => {
    return `| ${what} | ${median} | ${range.join(" to ")} | ${bar} |`;
  });
  const load = `${loadavg()[2]?.toFixed(1)} over the last 15 minutes, on ${availableParallelism()} cores`;
  return `| | median of ${ROUNDS} | range | bar |\n|---|---|---|---|\n${lines.join("\n")}\n\nLoad of the machine: ${load}.\n`;
}

async function inTurn<T, R>(all: readonly T[], one: (of: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const of of all) results.push(await one(of));
  return results;
}

/** From the moment at which the power is back until systemd has started all that it had to. */
async function bootIdle({ lab, host }: Lane): Promise<number> {
  await lab.untilOnline(host.name);
  await host.powerLoss();
  const startedAt = performance.now();
  await host.boot();
  const seconds = (performance.now() - startedAt) / 1000;
  await lab.untilOnline(host.name);
  return seconds;
}

/** From the moment at which the power is back until the dashboard shows the host online in that boot. Then all must be as it was. */
async function isReachable(on: Lane, round: number, { phase, undoCuts }: Cut): Promise<number> {
  const { lab, host } = on;
  const before = await host.run("readlink", "-f", "/run/current-system");
  const commit = await on.publish(`25.11.cut-${phase}-${undoCuts ?? 0}-${round}`, async (plain) =>
    withoutUndoGate(holdable(phase, plain)),
  );
  const held = await hold(on, phase);
  const run = await lab.start(host.name, "switch", { commit });
  await held.reached();
  if (undoCuts === undefined) {
    await host.powerLoss();
    if (phase === "permanent") await host.runOffline(["/bin/rm", `${HOLD}/installer`]);
  } else {
    await provokeUndo(on, phase);
    if (phase !== "permanent") await held.letGo();
    await cutPowerInUndo(on, phase, { cutAgain: undoCuts === 2 });
  }
  const startedAt = performance.now();
  await host.boot();
  await lab.untilOnline(host.name);
  const seconds = (performance.now() - startedAt) / 1000;
  await held.letGo();
  const { summary } = await lab.untilRun(run, ({ summary: { state } }) => isTerminal(state));
  const running = await host.run("readlink", "-f", "/run/current-system");
  if (summary.state === "succeeded" || running !== before) throw new Error(`${phase}: ended ${summary.state}, runs ${running}.`);
  return seconds;
}

/** From the unit that takes the network away until the host has gone back by itself. */
async function isRolledBack({ lab, host }: Lane, round: number): Promise<number> {
  const commit = await lane.publish(`25.11.lost${round}`, async (plain) => ({
    ...plain,
    units: { ...plain.units, "network.service": brokenNetworkUnit },
  }));
  const run = await lab.start(host.name, "switch", { commit });
  await host.untilUnit("network.service");
  const brokenAt = performance.now();
  await untilOutcome(lane, run, 120_000);
  const seconds = (performance.now() - brokenAt) / 1000;
  await lab.untilRun(run, ({ summary }) => summary.state === "rolled-back");
  await lab.untilOnline(host.name);
  return seconds;
}

/** Both switch from the same closure to the same one, which was built before. */
async function overhead({ lab, host }: Lane, round: number): Promise<number> {
  const commit = await lane.publish(`25.11.bare${round}`, async (plain) => plain);
  const before = await host.run("readlink", "-f", "/run/current-system");
  const shell = (script: string) => host.run("/bin/sh", "-ec", script, "measure", lab.repoUrl, commit, host.name);
  await shell(BUILD);
  const startedAt = performance.now();
  await shell(`${BUILD}; ${SWITCH}`);
  const bare = (performance.now() - startedAt) / 1000;
  await shell(`closure=${before}; ${SWITCH}`);
  await lab.untilHost(host.name, ({ facts }) => facts.running?.closure === before);
  const { summary } = await lab.perform(host.name, "switch", { commit });
  if (summary.state !== "succeeded") throw new Error(`The switch ended ${summary.state}.`);
  return ((summary.endedAt ?? 0) - (summary.startedAt ?? 0)) / 1000 - bare;
}

/** From the end of the old daemon until the new one's link is up, by their own words in the journal. */
async function isBack({ lab, host }: Lane, round: number): Promise<number> {
  const commit = await lane.publish(`25.11.agent${round}`, async (plain) => ({
    ...plain,
    agent: plain.agent && { ...plain.agent, version: `2.${round}` },
  }));
  const { summary } = await lab.perform(host.name, "switch", { commit });
  if (summary.state !== "succeeded") throw new Error(`The switch ended ${summary.state}.`);
  const journal = await host.run("journalctl", "--no-pager", "--output=cat", "--unit=nixfleet-agent");
  const events = journal
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as { time: string; event: string }] : []));
  const at = (event: string) => Date.parse(events.findLast((one) => one.event === event)?.time ?? "");
  return (at("link-up") - at("daemon-stops")) / 1000;
}

/** The lab's nodejs is a link, so what is not it is the agent's own. */
async function agentBytes({ host }: Lane): Promise<number> {
  const units = await host.readFile("/etc/systemd/system/nixfleet-agent.service");
  const path = /(\/nix\/store\/[^/]+)\/bin\/nixfleet-agent run/.exec(units)?.[1] ?? "";
  const listed = await host.run("/bin/sh", "-ec", `nix ${WITH_FLAKES} path-info --recursive --size "$1"`, "measure", path);
  const sizes = listed.split("\n").flatMap((line) => (line.includes("-nodejs") ? [] : [Number(/\s(\d+)$/.exec(line)?.[1])]));
  return sizes.reduce((sum, size) => sum + size, 0);
}
