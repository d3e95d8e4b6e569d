import { mkdir } from "node:fs/promises";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { systemClock } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { removeArmed, writeArmed } from "../deadman/record.ts";
import { sampleArmed } from "../spool/armed.fixture.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { runnerLayout } from "../spool/layout.ts";
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
}: {
  asks: ArmedDeadman["asks"];
  url?: string;
  failedUnits?: () => Promise<string[]>;
}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const layout = runnerLayout(dir.path);
  await mkdir(layout.run(runId).dir, { recursive: true });
  const armed = sampleArmed({ runId, back: old, next, systemRoot: dir.path, asks });
  await writeArmed(layout, armed);
  const stop = new AbortController();
  const context = {
    deps: {
      platform: { failedUnits },
      config: { url, healthChecks: [], ignoreFailedUnits: [] },
      clock: systemClock,
      env: {},
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
