import { mkdir } from "node:fs/promises";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { systemClock } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { removeArmed, writeArmed } from "../deadman/record.ts";
import { sampleArmed } from "../spool/armed.fixture.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createSystemd } from "../systemd/systemd.ts";
import { confirm } from "./confirm.ts";
import { createConfirmDashboard, SECRET } from "./confirm-dashboard.fixture.ts";
import { createConfirmWindow } from "./confirm-window.ts";
import type { RunContext } from "./context.ts";

const runId = "01jd0000000000000000000001" as RunId;
const [old, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [StorePath, StorePath];

/** An armed run, and all that a confirmation needs of its context. */
async function createArmedRun({
  asks,
  url = "http://127.0.0.1:9",
  failedUnits = async () => [],
  more = {},
}: {
  asks: ArmedDeadman["asks"];
  url?: string;
  failedUnits?: () => Promise<string[]>;
  more?: object;
}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const layout = runnerLayout(dir.path);
  await mkdir(layout.run(runId).dir, { recursive: true });
  const armed = sampleArmed({ runId, back: old, next, systemRoot: dir.path, asks, failedUnits: [] });
  await writeArmed(layout, armed);
  const stop = new AbortController();
  const context = {
    deps: {
      platform: { failedUnits },
      config: { url, healthChecks: [], ignoreFailedUnits: [] },
      clock: systemClock,
      env: {},
      ...more,
    },
    request: { runId, confirmSecret: SECRET },
    layout,
    signal: stop.signal,
    redact: (text: string) => text,
    log: () => {},
  } as unknown as RunContext;
  return { context, armed, layout, stop };
}

test("R9: a run that is cancelled while the dashboard is asked to confirm is not confirmed", async () => {
  const dashboard = await createConfirmDashboard("silent");
  const { context, armed, stop } = await createArmedRun({ asks: "confirm", url: dashboard.url });
  const confirmation = confirm(context, armed, createConfirmWindow(context, armed, 600_000));
  await dashboard.askedTimes(1);
  stop.abort("cancelled");
  dashboard.release(200);
  expect(await confirmation).toEqual({ kind: "stopped" });
});

test("R9: a run that is cancelled while all holds already is not confirmed either", async () => {
  const { context, armed, stop } = await createArmedRun({
    asks: "nothing",
    failedUnits: async () => {
      stop.abort("cancelled");
      return [];
    },
  });
  expect(await confirm(context, armed, createConfirmWindow(context, armed, 600_000))).toEqual({ kind: "stopped" });
});

test("R37: what was undone meanwhile is not confirmed, though the dashboard says yes", async () => {
  const dashboard = await createConfirmDashboard(409);
  const { context, armed, layout } = await createArmedRun({ asks: "confirm", url: dashboard.url });
  const confirmation = confirm(context, armed, createConfirmWindow(context, armed, 600_000));
  await dashboard.askedTimes(1);
  await removeArmed(layout, runId);
  dashboard.answer = 200;
  expect(await confirmation).toMatchObject({ kind: "undone", cause: { code: "not-confirmed" } });
});

/** A systemd that says of each unit how active it is. */
const systemdThatSays = (active: string) =>
  createSystemd({
    scope: "system",
    env: {},
    exec: ({ argv }) => {
      const stdout = argv
        .slice(3)
        .map((unit) => `Id=${unit}\nLoadState=loaded\nActiveState=${active}\n`)
        .join("\n");
      const end = { kind: "exited", exitCode: 0 } as const;
      return { pid: undefined, result: Promise.resolve({ end, aborted: false, stdout, stderr: "", truncated: false }) };
    },
  });

test("R63: a unit that is being restarted is no final word: it may come to itself, and then all has to hold for five seconds", async () => {
  const looks: string[][] = [["web.service"], [], ["web.service"], [], [], []];
  const asked: number[] = [];
  let elapsed = 0;
  const failedUnits = async () => {
    asked.push(elapsed);
    return looks[asked.length - 1] ?? [];
  };
  const platform = { failedUnits, serviceManager: systemdThatSays("activating") };
  // Each look takes two seconds, by the monotonic clock.
  const more = { platform, monotonicNow: () => (elapsed += 2000) };
  const { context, armed } = await createArmedRun({ asks: "nothing", more });
  expect(await confirm(context, armed, createConfirmWindow(context, armed, 600_000))).toEqual({ kind: "holds" });
  // Seen at 2 s and again at 6 s: not before 11 s.
  expect(asked).toHaveLength(6);
});

test("R37: a unit that has given up is final", async () => {
  const platform = { failedUnits: async () => ["web.service"], serviceManager: systemdThatSays("failed") };
  const { context, armed } = await createArmedRun({ asks: "nothing", more: { platform } });
  expect(await confirm(context, armed, createConfirmWindow(context, armed, 600_000))).toMatchObject({
    kind: "refused",
    cause: { code: "units-failed" },
  });
});
