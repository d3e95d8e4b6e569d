import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunId } from "@nixfleet/protocol";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { expect, test } from "vitest";
import { readDeadmanFact } from "../deadman/record.ts";
import { type ConfirmDashboard, createConfirmDashboard, SECRET } from "../runner/confirm-dashboard.fixture.ts";
import { createTestHost, eventsOf, type TestHost } from "../runner/host.fixture.ts";
import { agentEnv, expectWhole, startRunner } from "../runner/runner-process.fixture.ts";
import { createRunningHost, type RunningHost } from "../runner/running-host.fixture.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { wrongUserReason } from "./by-hand.ts";

/** The built agent as a person starts it, and what their terminal shows. */
interface Person extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly code: Promise<number | null>;
  screen(): string;
  says(text: string): Promise<void>;
}

function type(host: TestHost, argv: readonly string[], env: Record<string, string> = {}): Person {
  const child = spawn(process.execPath, [builtProgram("agent"), ...argv], {
    env: { ...agentEnv(host), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  const code = once(child, "close").then(([ended]) => ended as number | null);
  return {
    child,
    code,
    screen: () => text,
    async says(part) {
      const ended = code.then(() => "ended" as const);
      while (!text.includes(part)) {
        if (
          (await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))])) === "ended" &&
          !text.includes(part)
        ) {
          throw new Error(`It ended without saying ${part}:\n${text}`);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await code;
    },
  };
}

async function typed(host: TestHost, ...argv: string[]): Promise<{ code: number | null; screen: string }> {
  await using person = type(host, argv);
  const code = await person.code;
  return { code, screen: person.screen() };
}

const runningHost = createRunningHost();

/** A host that runs something, and asks this dashboard or none. */
function hostThatRuns(dashboard?: ConfirmDashboard, confirmTimeout = 60): Promise<RunningHost> {
  const url = dashboard?.url ?? "http://127.0.0.1:9";
  return runningHost({ config: { url, confirmTimeout } });
}

const commitVersion = (host: TestHost, version: string, more: object = {}) =>
  host.flake.commitFlake(version, { hosts: { gate: { version, ...more } } });

async function lastRun(host: TestHost): Promise<RunId> {
  return RunId.parse((await createSpoolReader(host.config.runnerDir).runs()).at(-1));
}

test("R83: by hand, a specialisation is chosen and left, and an undo that would lock somebody out takes --force", async () => {
  const etc = { "systemd/system/multi-user.target.wants/sshd.service": "[Service]\n" };
  const host = await createTestHost({ host: { version: "1.0" }, config: { url: "http://127.0.0.1:9", confirmTimeout: 60 } });
  expect(await typed(host, "deploy")).toMatchObject({ code: 0 });
  const first = await host.deps.platform.runningClosure();
  await commitVersion(host, "2.0", { etc, specialisations: { x: "2.0-x" } });
  expect(await typed(host, "deploy", "--specialisation", "x")).toMatchObject({ code: 0 });
  const profile = await host.deps.platform.profileClosure();
  expect(await host.deps.platform.runningClosure()).not.toBe(profile);
  expect(await typed(host, "deploy", "--specialisation", "x", "--no-specialisation")).toMatchObject({ code: 2 });
  expect(await typed(host, "deploy", "--specialisation", "../x")).toMatchObject({ code: 2 });
  expect(await typed(host, "status", "--force")).toMatchObject({ code: 2 });

  // The generation before is the one before the configuration, and not that of the specialisation.
  expect(await typed(host, "undo")).toMatchObject({ code: 3, screen: expect.stringContaining("sshd is switched off.") });
  expect(await typed(host, "deploy", "--no-specialisation")).toMatchObject({ code: 0 });
  expect(await host.deps.platform.runningClosure()).toBe(profile);
  expect(await typed(host, "undo", "--force")).toMatchObject({ code: 0 });
  expect(await host.deps.platform.runningClosure()).toBe(first);
});

test("R37: deploy switches by hand with the dashboard gone, armed and told live; undo goes back, again and again", async () => {
  const config = { url: "http://127.0.0.1:9", confirmTimeout: 60 };
  const host = await createTestHost({ host: { version: "1.0" }, config });
  expect(await typed(host, "deploy")).toMatchObject({ code: 0 });
  const first = (await host.deps.platform.runningClosure()) ?? "";
  const commit = await commitVersion(host, "2.0");
  const { code, screen } = await typed(host, "deploy", "--mode", "switch");
  expect(code, screen).toBe(0);
  const second = (await host.deps.platform.runningClosure()) ?? "";
  expect(second).not.toBe(first);
  const parts = [
    "Run 0",
    "== Fetch",
    "== Build",
    "== Activate",
    "goes back to",
    "activating the",
    "== Confirm",
    "succeeded",
    second,
  ];
  for (const [i, part] of parts.entries()) {
    expect(screen.indexOf(part, screen.indexOf(parts[i - 1] ?? "")), part).toBeGreaterThan(-1);
  }
  const runId = await lastRun(host);
  await expectWhole(host, runId);
  const deployments = await createLedger(runnerLayout(host.config.runnerDir).deployments).read();
  expect(deployments.at(-1)).toMatchObject({ runId, commit, mode: "switch", closure: second });

  expect(await typed(host, "undo")).toMatchObject({ code: 0, screen: expect.stringContaining(`The host runs ${first}.`) });
  expect(await host.deps.platform.runningClosure()).toBe(first);
  const none = await typed(host, "undo");
  expect(none).toMatchObject({ code: 3, screen: expect.stringContaining("no earlier generation") });
  expect(await typed(host, "undo", "--to", "2")).toMatchObject({ code: 0 });
  expect(await host.deps.platform.runningClosure()).toBe(second);
  expect(await readDeadmanFact(host.config.runnerDir)).toEqual({ deadman: null });
});

test("R37: a dashboard that answered before and does not afterwards is missed, and the host goes back", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first } = await hostThatRuns(dashboard, 8);
  await commitVersion(host, "2.0");
  await using person = type(host, ["deploy"]);
  // The first time is before the activation.
  await dashboard.askedTimes(1);
  dashboard.answer = 500;
  expect(await person.code, person.screen()).toBe(1);
  expect(person.screen()).toContain("unless it is confirmed");
  expect(person.screen()).toMatch(/rolled-back \(not-confirmed\).*The dashboard did not confirm: the dashboard answers 500/);
  expect(await host.deps.platform.runningClosure()).toBe(first);
  expect(new Set(dashboard.requests.map(({ method, path }) => `${method} ${path}`))).toEqual(new Set(["GET /fleet/health"]));
});

test("R9: Ctrl-C cancels as the page does, in an activation that hangs too, and the host goes back", async () => {
  const { host, first } = await hostThatRuns();
  await commitVersion(host, "2.0", { activationSeconds: 300 });
  await using person = type(host, ["deploy"]);
  await person.says("activating the configuration");
  person.child.kill("SIGHUP"); // A terminal that goes away is no wish to stop.
  person.child.kill("SIGINT");
  expect(await person.code).toBe(1);
  expect(person.screen()).toContain("cancelled: Cancelled by a person.");
  expect(person.screen()).toContain(`The host runs ${first}.`);
  expect(await readDeadmanFact(host.config.runnerDir)).toEqual({ deadman: null });
  await expectWhole(host, await lastRun(host));
});

test("R37: undo takes back what is armed at once, and the run that waited for its confirmation says who did", async () => {
  const dashboard = await createConfirmDashboard(409);
  const { host, first } = await hostThatRuns(dashboard, 600);
  const runId = await host.ask("switch", {}, { commit: await commitVersion(host, "2.0"), confirmSecret: SECRET });
  await using _runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "phase" && event.phase === "confirm");
  const { code, screen } = await typed(host, "undo");
  expect(code, screen).toBe(0);
  expect(screen).toContain(`Run ${runId} is armed until `);
  expect(screen).toContain(`The host runs ${first} again.`);
  await host.seen(runId, ({ kind }) => kind === "finished");
  const finished = eventsOf(await host.events(runId), "finished")[0];
  expect(finished?.outcome).toMatchObject({ state: "rolled-back", code: "cancelled-by-person" });
  expect(await host.deps.platform.runningClosure()).toBe(first);
});

test("a run by hand waits for the one running, and comes before all that is queued", async () => {
  const gate = "gate";
  const host = await createTestHost({ host: {} });
  const path = join(host.root, gate);
  await writeFile(path, "");
  const script = `#!/bin/sh\necho begun\nwhile [ -e ${path} ]; do sleep 0.05; done\n`;
  await host.flake.commitFlake("a test", { hosts: { gate: { tests: { "T1.sh": script } } } });
  await host.doRun("pull");
  const waiting = await host.ask("test");
  const queued = [await host.ask("refresh"), await host.ask("refresh")];
  const running = host.run();
  await host.seen(waiting, (event) => event.kind === "log" && event.lines.some(({ text }) => text === "begun"));
  await using person = type(host, ["deploy"]);
  await person.says(`Process ${process.pid} is working on this host`);
  await rm(path);
  expect(await running).toMatchObject({ kind: "busy", owner: { pid: person.child.pid } });
  expect(await person.code, person.screen()).toBe(0);
  expect(await readdir(daemonLayout(host.config.stateDir).queue)).toEqual(queued.map((runId) => `${runId}.json`));
  expect(await host.run()).toEqual({ kind: "done", runs: 2 });
});

test("a person who gives up waiting has begun nothing, and one who is killed keeps nobody waiting", async () => {
  const { host } = await hostThatRuns();
  await commitVersion(host, "2.0", { activationSeconds: 300 });
  await using first = type(host, ["deploy"]);
  await first.says("activating the configuration");
  const before = await createSpoolReader(host.config.runnerDir).runs();
  expect(await typed(host, "deploy")).toMatchObject({
    code: 3,
    screen: expect.stringContaining("already doing this for another person"),
  });
  first.child.kill("SIGKILL");
  await first.code;
  // What is armed is undone by the armed record, and not by who comes next by hand.
  expect(await typed(host, "undo")).toMatchObject({ code: 0 });
  expect((await host.run()).kind).toBe("done");
  expect(await createSpoolReader(host.config.runnerDir).runs()).toEqual(before);
  expect(await host.outcome(await lastRun(host))).toMatchObject({ state: "rolled-back", code: "cancelled-by-person" });
});

test("R56: by hand, too, no unsigned commit is deployed where signatures are required; what only a dashboard may not, one may", async () => {
  const { host, second: old } = await hostThatRuns();
  await commitVersion(host, "2.0");
  const strict = { NIXFLEET_SIGNING_REQUIRED: "true", NIXFLEET_ALLOWED_OPS: "refresh" };
  await using unsigned = type(host, ["deploy"], strict);
  expect(await unsigned.code).toBe(3);
  expect(unsigned.screen()).toContain("refused (unsigned-commit)");
  expect(await typed(host, "deploy")).toMatchObject({ code: 0 });

  expect(await typed(host, "deploy", "--commit", old)).toMatchObject({
    code: 3,
    screen: expect.stringContaining("not-fast-forward"),
  });
  expect(await typed(host, "deploy", "--commit", old, "--force")).toMatchObject({ code: 0 });
  const deployments = await createLedger(runnerLayout(host.config.runnerDir).deployments).read();
  const closure = await host.deps.platform.runningClosure();
  expect(deployments.at(-1)).toMatchObject({ commit: old, closure });
  await using back = type(host, ["undo"], strict);
  expect(await back.code, back.screen()).toBe(0);
});

test("what is wrongly typed is answered with the usage and 2, and nothing is begun", async () => {
  const host = await createTestHost({ host: {} });
  const wrong = [
    ["deploy", "--mode", "dance"],
    ["deploy", "--commit", "main"],
    ["deploy", "--to", "1"],
    ["undo", "--to", "-1"],
    ["check", "--force"],
    ["status", "--commit", "0".repeat(40)],
  ];
  await Promise.all(wrong.map(async (argv) => expect(await typed(host, ...argv), argv.join(" ")).toMatchObject({ code: 2 })));
  const help = await typed(host, "--help");
  expect(help.screen).toContain("undo [--to GENERATION] [--force]");
  await using broken = type(host, ["deploy"], { NIXFLEET_REPO_URL: "ext::sh" });
  expect(await broken.code).toBe(2);
  expect(await readdir(runnerLayout(host.config.runnerDir).runs)).toEqual([]);
});

test("only root, or the user whose system it is, may do it, and others are told so", async () => {
  const host = await createTestHost();
  const { runnerDir } = host.config;
  const uid = process.getuid?.() ?? 0;
  const own = { scope: "user" as const, systemRoot: "" };
  expect(await wrongUserReason({ scope: "system", systemRoot: "" }, "/nowhere", 1000)).toContain("run it as root");
  expect(await wrongUserReason({ scope: "system", systemRoot: "" }, "/nowhere", 0)).toBeUndefined();
  expect(await wrongUserReason(own, runnerDir, uid)).toBeUndefined();
  expect(await wrongUserReason(own, runnerDir, uid + 1)).toContain(`belongs to user ${uid}`);
  expect(await wrongUserReason(own, "/nowhere", 1000)).toBeUndefined();
});
