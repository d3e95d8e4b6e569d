import { createHealthyHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openFleet } from "../core.fixture.ts";
import { dial } from "./bare-agent.fixture.ts";

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

test("F9: R24: with its link a host's measurements go, from what is known of it and from its row", async () => {
  await using lab = await openFleet(["alpha"]);
  const { core, id, added } = lab;
  const agent = dial(core, added[0]?.token ?? "");
  await agent.greet();
  agent.send({ type: "metrics", metrics: { at: 1, load: 3 } });
  await core.until("host.metrics", async () => core.links.presence(id).metrics !== null);
  expect(await core.fleet.row(id)).toMatchObject({ load: 3, reachability: { state: "online" } });
  agent.socket.terminate();
  await core.until("presence.changed", async () => core.links.presence(id).connectedSince === null);
  expect(core.links.presence(id).metrics).toBeNull();
  expect(await core.fleet.row(id)).toMatchObject({ load: null, reachability: { state: "stale" } });
});
