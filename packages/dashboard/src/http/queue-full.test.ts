import { REFUSALS } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { COMMIT } from "../core.fixture.ts";
import { openDashboard } from "../dashboard.fixture.ts";
import { MAX_QUEUED_RUNS } from "../runs/index.ts";

test("A run for a host whose queue is full is refused with a code, a sentence and the next step, also among several hosts", async () => {
  await using at = await openDashboard();
  const ada = await at.ada();
  for (const name of ["alpha", "beta"]) await ada.call("addHost", { body: { name, platform: "nixos" } });
  const run = { op: "pull", args: { commit: COMMIT }, whenBlocked: "queue" };
  const start = () => ada.call("startRun", { params: { host: "alpha" }, body: run });
  for (let place = 0; place < MAX_QUEUED_RUNS; place++) expect((await start()).status).toBe(200);

  const { sentence, next } = REFUSALS["queue-full"];
  const refused = await start();
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: "run-refused", refusal: "queue-full", detail: sentence, next });
  const many = await ada.call("startRuns", { body: { ...run, hosts: ["alpha", "beta"] } });
  expect(await many.json()).toMatchObject({
    items: [
      { host: "alpha", run: null, refused: { code: "queue-full", sentence, next } },
      { host: "beta", run: { state: "queued" }, refused: null },
    ],
  });
});
