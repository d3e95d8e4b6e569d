import { readFile, writeFile } from "node:fs/promises";
import type { RunEvent, RunId } from "@nixfleet/protocol";
import type { FixtureHost } from "@nixfleet/testkit";
import { expect } from "vitest";
import { readDeadmanFact } from "../deadman/record.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createConfirmDashboard, SECRET } from "./confirm-dashboard.fixture.ts";
import { eventsOf, type TestHost } from "./host.fixture.ts";
import { expectWhole } from "./runner-process.fixture.ts";
import { createRunningHost } from "./running-host.fixture.ts";

export const secret = { confirmSecret: SECRET };

/** For one file of tests: a host that runs a first configuration and has the commit of a second one, and the dashboard that it asks. */
export function createHostThatRuns() {
  const runningHost = createRunningHost();
  return (options: HostOptions = {}) => hostThatRuns(runningHost, options);
}

interface HostOptions {
  confirmTimeout?: number;
  answer?: number | "silent";
  old?: FixtureHost;
  next?: FixtureHost;
}

async function hostThatRuns(
  runningHost: ReturnType<typeof createRunningHost>,
  { confirmTimeout = 60, answer = 200, old, next }: HostOptions,
) {
  const dashboard = await createConfirmDashboard(answer);
  const config = { url: dashboard.url, confirmTimeout };
  const { host, first, second } = await runningHost({ config, ...(old && { old }), ...(next && { next }) });
  const layout = runnerLayout(host.config.runnerDir);
  /** Waits for something on the host that no event tells: its dead-man switch works without a word to anybody. */
  const until = async <T>(look: () => Promise<T | undefined | false>): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { host, dashboard, layout, first, second, until };
}

export const activating = (event: RunEvent) =>
  event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating the configuration"));
export const inConfirm = (event: RunEvent) => event.kind === "phase" && event.phase === "confirm";

/** As it is after a reboot: what was recorded names another boot. */
export async function pretendAnotherBoot(host: TestHost, runId: RunId): Promise<void> {
  const layout = runnerLayout(host.config.runnerDir);
  for (const path of [layout.deadman, layout.run(runId).process]) {
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replaceAll(/"(bootId|armedIn)":"[^"]*"/g, '"$1":"the-boot-before"'));
  }
}

/** What is reported is what is so. */
export async function expectTruth(host: TestHost, runId: RunId, { first, second }: { first: string; second?: string }) {
  await expectWhole(host, runId);
  const outcome = await host.outcome(runId);
  const running = await host.deps.platform.runningClosure();
  expect(await readDeadmanFact(host.config.runnerDir)).toEqual({ deadman: null });
  const deployed = eventsOf(await host.events(runId), "deployed");
  if (outcome.state === "succeeded") {
    expect(running).not.toBe(first);
    expect(deployed).toMatchObject([{ deployment: { closure: running, ...(second && { commit: second }) } }]);
  } else {
    expect(running).toBe(first);
    expect(await host.deps.platform.profileClosure()).toBe(first);
    expect(deployed).toEqual([]);
  }
  return outcome;
}
