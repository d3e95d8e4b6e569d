import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isTerminal, type RunId } from "@nixfleet/protocol";
import { createFlakeFixture, createNixEnv, createTempDir } from "@nixfleet/testkit";
import { type ApiClient, setUpAdministrator, signIn } from "@nixfleet/testkit/api-client";
import { type Agent, startAgent, startDashboard } from "@nixfleet/testkit/built-programs";
import { expect, onTestFinished, test } from "vitest";

const PASSWORD = "correct horse battery";
const LINES = 60;

/** A real dashboard and a real host, whose test prints half of its lines, waits for a file, and prints the rest. */
async function open() {
  const scope = new AsyncDisposableStack();
  onTestFinished(() => scope.disposeAsync());
  const dir = scope.use(await createTempDir("nixfleet-silence-"));
  const go = join(dir.path, "go");
  const script = `#!/bin/sh
for i in $(seq 1 ${LINES / 2}); do echo "line $i"; done
while [ ! -e ${go} ]; do sleep 0.1; done
for i in $(seq ${LINES / 2 + 1} ${LINES}); do echo "line $i"; done
`;
  const flake = scope.use(await createFlakeFixture());
  await flake.commitFlake("begin", { hosts: { web1: { tests: { "T01-lines.sh": script } } } });
  const dashboard = scope.use(await startDashboard({ NIXFLEET_REPO_URL: flake.url }));
  const nix = await createNixEnv(`${dir.path}/nix`);
  let api = await setUpAdministrator(await dashboard.setupLink(), "ada", PASSWORD);
  const { token } = await api.call("addHost", { body: { name: "web1", platform: "nixos" } });
  const settings = { url: dashboard.origin, token, hostname: "web1", repoUrl: flake.url };
  const begin = async () => scope.use(await startAgent(dir, nix, settings));
  let agent: Agent = await begin();
  await agent.program.says(/"event":"link-up"/);

  const start = async (op: "pull" | "test") => (await api.call("startRun", { params: { host: "web1" }, body: { op } })).id;
  return {
    dir,
    dashboard,
    get agent() {
      return agent;
    },
    async beginAgent() {
      agent = await begin();
    },
    /** Who was signed in may be gone with the database. */
    async signIn(): Promise<ApiClient> {
      api = await signIn(dashboard.origin, "ada", PASSWORD);
      return api;
    },
    start,
    async pull() {
      await this.ended(await start("pull"));
    },
    release: () => writeFile(go, ""),
    hold: () => rm(go, { force: true }),
    view: (run: RunId) => api.call("run", { params: { run } }),
    async ended(run: RunId) {
      return await this.until(run, ({ summary }) => isTerminal(summary.state));
    },
    async until(run: RunId, holds: (view: Awaited<ReturnType<typeof this.view>>) => boolean) {
      for (;;) {
        const view = await api.call("run", { params: { run } }).catch(() => null);
        if (view !== null && holds(view)) return view;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    /** Lines that the host's own test printed. */
    async lines(run: RunId): Promise<string[]> {
      const { lines } = await api.call("runLog", { params: { run }, query: { from: 1, limit: 1000 } });
      return lines.map(({ text }) => text);
    },
  };
}

const printed = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, place) => `line ${first + place}`);
const ofTest = (lines: string[]) => lines.filter((line) => line.startsWith("line "));

test("R67: a database that is put back to a moment within a run gets the rest of it told again, and later runs whole", async () => {
  const at = await open();
  await at.pull();
  const first = await at.start("test");
  await at.until(first, ({ log }) => log.lines >= LINES / 2);
  const data = join(at.dashboard.directory, "data");
  const backup = join(at.dir.path, "backup");
  await at.dashboard.restart("SIGKILL", () => cp(data, backup, { recursive: true }));
  await at.release();
  await at.ended(first);
  expect(ofTest(await at.lines(first))).toEqual(printed(1, LINES));
  const second = await at.start("test");
  await at.ended(second);
  const whole = [await at.lines(first), await at.lines(second)];

  await at.dashboard.restart("SIGKILL", async () => {
    await rm(data, { recursive: true });
    await cp(backup, data, { recursive: true });
  });
  await at.signIn();

  expect(await at.ended(first)).toMatchObject({ summary: { state: "succeeded" } });
  expect(await at.ended(second)).toMatchObject({ summary: { state: "succeeded", by: "ada", actorKind: "unknown" } });
  expect([await at.lines(first), await at.lines(second)]).toEqual(whole);
});

test("R67: a host that is put back to a moment before a run began says that it has nothing of it; what had ended stays, and the next run is whole", async () => {
  const at = await open();
  await at.pull();
  const run = await at.start("test");
  await at.until(run, ({ log }) => log.lines >= LINES / 2);
  const places = [at.agent.stateDir, at.agent.runnerDir];
  for (const place of places) await cp(place, `${place}.snapshot`, { recursive: true });
  await at.hold();
  await at.release();
  const { summary } = await at.ended(run);
  expect(summary.state).toBe("succeeded");

  // A second one, which is at work when its host goes back to the time before it began.
  await at.hold();
  const lost = await at.start("test");
  await at.until(lost, ({ log }) => log.lines >= LINES / 2);
  await at.agent.kill();
  for (const place of places) {
    await rm(place, { recursive: true });
    await cp(`${place}.snapshot`, place, { recursive: true });
  }
  await at.beginAgent();

  expect(await at.ended(lost)).toMatchObject({ summary: { state: "lost" } });
  // What had ended stays as it ended.
  expect(await at.view(run)).toMatchObject({ summary: { state: "succeeded" } });
  await at.release();
  const next = await at.start("test");
  expect(await at.ended(next)).toMatchObject({ summary: { state: "succeeded" } });
  expect(ofTest(await at.lines(next))).toEqual(printed(1, LINES));
});

test("R67: of a run whose spool is damaged after its end, the outcome comes, and the log says what is missing", async () => {
  const at = await open();
  await at.pull();
  await at.release();
  const whole = await at.start("test");
  await at.ended(whole);
  await at.hold();
  const run = await at.start("test");
  await at.until(run, ({ log }) => log.lines >= LINES / 2);
  await at.agent.program.end("SIGKILL");
  await at.release();
  const spool = join(at.agent.runnerDir, "runs", run);
  for (;;) {
    const outcome = await readFile(join(spool, "outcome.json"), "utf8").catch(() => null);
    if (outcome !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const events = (await readFile(join(spool, "events.jsonl"), "utf8")).trimEnd().split("\n");
  // A flipped byte in what is not sent yet.
  const damaged = events.map((line, place) => (place < events.length - 3 ? line : line.replace('"seq"', '"sfq"')));
  await writeFile(join(spool, "events.jsonl"), `${damaged.join("\n")}\n`);
  await at.beginAgent();

  expect(await at.ended(run)).toMatchObject({ summary: { state: "succeeded" } });
  const lines = await at.lines(run);
  expect(lines.at(-1)).toMatch(/^The rest of this log could not be read on the host: /);
  expect(ofTest(lines)).toEqual(printed(1, ofTest(lines).length));
});
