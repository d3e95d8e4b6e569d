import { mkdir, stat } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { createYearDatabase, type YearHost, type YearSize } from "@nixfleet/dashboard/year-database";
import { AGENT_LINK_PATH, isTerminal, type RunSummary } from "@nixfleet/protocol";
import { type Behaviour, createFleetSimulator, createTempDir } from "@nixfleet/testkit";
import { type ApiClient, setUpAdministrator } from "@nixfleet/testkit/api-client";
import { type Dashboard, startDashboard } from "@nixfleet/testkit/built-programs";
import { type LivePage, openLivePage } from "./live-page.ts";
import { type Figure, median, pause, percentile } from "./measure.ts";

/** Bytes of text in the log of each run: 20,000 make some 2 GB of 100,000 runs. */
const LOG_BYTES = Number(process.env.BENCH_YEAR_LOG_BYTES ?? 4000);
const WORKING_TIME = 60_000;
const PAGES = 50;
const STARTS = 5;
const COMMIT = "c0ffee".padEnd(40, "0");

/** Builds for some seconds, with as many lines as a build has. */
const building: Behaviour = () => [
  { do: "phase", phase: "build" },
  { do: "log", lines: 1000, perSecond: 100 },
  { do: "build", packages: Array.from({ length: 40 }, (_, number) => `package-${number}`), each: 100 },
];

/** A dashboard with a year of runs behind it: while all hosts build, before a page, and when it starts. */
export async function yearOfRuns(): Promise<Figure[]> {
  return [...(await atWork()), ...(await atStart())];
}

/** 100,000 runs of 50 hosts. */
async function atWork(): Promise<Figure[]> {
  await using dir = await createTempDir("nixfleet-bench-year-");
  const year = await makeYear(dir.path, {
    hosts: 50,
    runsPerHost: 2000,
    logBytes: LOG_BYTES,
    plainLogs: 20,
    metrics: true,
    now: Date.now(),
  });
  // There is something to remove from the first minute on: logs of two weeks, runs of five days.
  const limits = { NIXFLEET_LOG_KEEP_DAYS: "350", NIXFLEET_RUN_KEEP_DAYS: "360" };
  await using dashboard = await startDashboard({ ...limits, NODE_OPTIONS: `--import=${STALL_PROBE}` }, { directory: dir.path });
  const api = await setUpAdministrator(await dashboard.setupLink(), "bench", "correct horse battery");
  await using fleet = createFleetSimulator({
    url: `${dashboard.origin.replace("http", "ws")}${AGENT_LINK_PATH}`,
    behaviour: building,
    hosts: year.hosts.map(({ name, token, facts }) => ({ name, token, facts })),
    startWithin: 2000,
  });
  fleet.start();
  await fleet.whenConnected();
  const [first] = year.hosts;
  if (first === undefined) throw new Error("A year has hosts.");
  await using page = await openLivePage(api);
  for (const topic of ["fleet", "activity", `host:${first.id}`]) await page.follow(topic);

  const before = dashboard.program.output().length;
  const runs = await keepBuilding(api, year.hosts);
  const stalls = stallsIn(dashboard.program.output().slice(before));
  for (const topic of ["fleet", "activity", `host:${first.id}`]) page.leave(topic);
  const note = `${year.note}; ${runs} runs in ${WORKING_TIME / 1000} s, 1,000 lines each; load ${loadavg()[0]?.toFixed(1)}`;
  const longest = (values: readonly number[]) => Math.max(...values);
  const what = "a year of runs, 50 hosts build, packing and retention at work";
  const computed = stalls.map((second) => second.computed);
  return [
    { what: `${what}: longest stall`, value: longest(stalls.map(({ stall }) => stall)), unit: "ms", bar: 50, note },
    {
      what: `${what}: longest time that the event loop computed`,
      value: longest(computed),
      unit: "ms",
      bar: null,
      note: `the disk and other programs apart; median of the longest of each second: ${median(computed).toFixed(1)}`,
    },
    ...(await pageTimes(api, page, year.hosts)),
  ];
}

/** Keeps a run at work on every host for a while; gives how many there were. */
async function keepBuilding(api: ApiClient, hosts: readonly YearHost[]): Promise<number> {
  const end = performance.now() + WORKING_TIME;
  let runs = 0;
  while (performance.now() < end) {
    const { items } = await api.call("startRuns", {
      body: {
        op: "preview",
        args: { commit: COMMIT },
        hosts: hosts.map(({ name }) => name),
        whenBlocked: "refuse",
        force: false,
      },
    });
    runs += items.filter(({ run }) => run !== null).length;
    await pause(1000);
  }
  return runs;
}

/** What the dashboard takes to answer for a page: over REST, and for the first snapshot of its live topic. Of hosts and runs in turn. */
async function pageTimes(api: ApiClient, page: LivePage, hosts: readonly YearHost[]): Promise<Figure[]> {
  await idle(api);
  const { items: runs } = await api.call("runs", { query: { limit: PAGES, op: "preview" } });
  const measured: { what: string; rest(place: number): Promise<unknown>; topic(place: number): string }[] = [
    { what: "Fleet", rest: () => api.call("hosts", {}), topic: () => "fleet" },
    {
      what: "host page",
      rest: (place) => api.call("host", { params: { host: at(hosts, place).name } }),
      topic: (place) => `host:${at(hosts, place).id}`,
    },
    {
      what: "run page",
      rest: (place) => api.call("run", { params: { run: at(runs, place).id } }),
      topic: (place) => `run:${at(runs, place).id}`,
    },
  ];
  const figures: Figure[] = [];
  for (const { what, rest, topic } of measured) {
    const answers: number[] = [];
    const snapshots: number[] = [];
    for (let place = 0; place < PAGES; place += 1) {
      answers.push(await timeOf(() => rest(place)));
      snapshots.push(await timeOf(() => page.follow(topic(place))));
      page.leave(topic(place));
    }
    const row = (how: string, times: readonly number[]): Figure => ({
      what: `a year of runs, ${what}: ${how}`,
      value: median(times),
      unit: "ms",
      bar: 20,
      note: `median of ${times.length}, loopback included; p95 ${percentile(times, 0.95).toFixed(1)}`,
    });
    figures.push(row("answer over REST", answers), row("first snapshot", snapshots));
  }
  return figures;
}

function at<T>(items: readonly T[], place: number): T {
  const item = items[place % items.length];
  if (item === undefined) throw new Error("There is none to measure.");
  return item;
}

async function idle(api: ApiClient): Promise<void> {
  for (;;) {
    const { items } = await api.call("runs", { query: { limit: 100 } });
    if (items.every(({ state }: RunSummary) => isTerminal(state))) return;
    await pause(500);
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** 1,000 hosts with 100 runs each. */
async function atStart(): Promise<Figure[]> {
  await using dir = await createTempDir("nixfleet-bench-year-");
  const year = await makeYear(dir.path, { hosts: 1000, runsPerHost: 100, logBytes: LOG_BYTES, metrics: true, now: Date.now() });
  let began = 0;
  const onStart = async () => {
    began = performance.now();
  };
  await using dashboard: Dashboard = await startDashboard({}, { directory: dir.path, onStart });
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    await dashboard.restart();
    times.push(performance.now() - began);
  }
  const note = `median of ${STARTS}; ${year.note}; load ${loadavg()[0]?.toFixed(1)}`;
  return [{ what: "start with 1,000 hosts and a year of runs, to listening", value: median(times), unit: "ms", bar: 1500, note }];
}

async function makeYear(directory: string, size: YearSize): Promise<{ hosts: YearHost[]; note: string }> {
  const path = join(directory, "data", "nixfleet.db");
  await mkdir(join(directory, "data"), { mode: 0o700 });
  const hosts = await createYearDatabase(path, size);
  const bytes = (await stat(path)).size;
  return { hosts, note: `${size.hosts} × ${size.runsPerHost} runs, a database of ${(bytes / 1e9).toFixed(1)} GB` };
}

const SAMPLE = 5;
/**
 * Says once a second how long the event loop stood still at most, beyond the interval at which it is looked at, and how long at most its
 * thread computed in such a time: the rest is the disk's, or other programs'.
 */
const STALL_PROBE = `data:text/javascript,${encodeURIComponent(`
  let last = performance.now(), used = process.threadCpuUsage(), stall = 0, computed = 0;
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(used);
    const now = performance.now();
    stall = Math.max(stall, now - last - ${SAMPLE});
    computed = Math.max(computed, (user + system) / 1000);
    last = now;
    used = process.threadCpuUsage();
  }, ${SAMPLE}).unref();
  setInterval(() => {
    process.stderr.write("longest-stall " + stall.toFixed(1) + " computed " + computed.toFixed(1) + "\\n");
    stall = computed = 0;
  }, 1000).unref();
`)}`;

function stallsIn(output: string): { stall: number; computed: number }[] {
  const found = [...output.matchAll(/longest-stall (\S+) computed (\S+)/g)];
  const stalls = found.map(([, stall, computed]) => ({ stall: Number(stall), computed: Number(computed) }));
  if (stalls.length === 0) throw new Error("The dashboard said nothing of its event loop.");
  return stalls;
}
