import { createHealthyHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";

import { openFleet } from "../core.fixture.ts";

const quick = { behaviour: createHealthyHost({ pace: 0 }) };

test("R45: each op goes through the dispatcher to a host and back to its true end", async () => {
  await using lab = await openFleet(["alpha"], { simulator: quick });
  lab.fleet.start();
  await lab.fleet.whenConnected();
  for (const op of ["pull", "switch", "test", "refresh", "restart-agent"]) {
    const runId = await lab.core.begin(lab.id, op);
    expect(await lab.core.whenEnded(runId)).toMatchObject({ op, state: "succeeded" });
  }
  expect(await lab.core.ask(lab.id, "format-disk")).toMatchObject({ ok: false, code: "op-unknown" });
  expect(await lab.core.ask(lab.id, "pull", { args: { path: "/" } })).toMatchObject({ ok: false, code: "arguments-invalid" });
});
