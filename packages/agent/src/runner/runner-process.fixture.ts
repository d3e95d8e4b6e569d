import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { RunId } from "@nixfleet/protocol";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { expect } from "vitest";
import { runnerLayout } from "../spool/layout.ts";
import { eventsOf, type TestHost } from "./host.fixture.ts";

/** The environment by which a host's own programs of the agent are started. */
export function agentEnv(host: TestHost): Record<string, string> {
  const { hostname, repoUrl, url, confirmTimeout, healthChecks, stateDir, runnerDir, systemRoot } = host.config;
  return {
    ...host.env,
    NIXFLEET_HOSTNAME: hostname,
    NIXFLEET_REPO_URL: repoUrl,
    NIXFLEET_URL: url,
    NIXFLEET_CONFIRM_TIMEOUT: String(confirmTimeout),
    NIXFLEET_HEALTH_CHECKS: JSON.stringify(healthChecks),
    NIXFLEET_PLATFORM: host.deps.platform.name,
    NIXFLEET_STATE_DIR: stateDir,
    NIXFLEET_RUNNER_DIR: runnerDir,
    NIXFLEET_SYSTEM_ROOT: systemRoot,
    NIXFLEET_LOG_LEVEL: "error",
  };
}

/** The built agent as a process of its own, a runner by default. */
export function startRunner(host: TestHost, argv: readonly string[] = ["runner"]): ChildProcess & AsyncDisposable {
  const child = spawn(process.execPath, [builtProgram("agent"), ...argv], {
    env: agentEnv(host),
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await once(child, "exit");
    },
  });
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** What must hold of every run that is over, whatever happened to its runner. */
export async function expectWhole(host: TestHost, runId: RunId): Promise<void> {
  const path = runnerLayout(host.config.runnerDir).run(runId).events;
  const lines = (await readFile(path, "utf8")).split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.map((line) => JSON.parse(line).seq)).toEqual(lines.map((_, index) => index + 1));
  const events = await host.events(runId);
  expect(events).toHaveLength(lines.length);
  const finished = eventsOf(events, "finished");
  expect(finished).toHaveLength(1);
  expect(events.at(-1)?.kind).toBe("finished");
  expect(finished[0]?.outcome).toEqual(await host.outcome(runId));
}
