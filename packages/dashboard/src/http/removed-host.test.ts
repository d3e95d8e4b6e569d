import type { HostId, RunSummary } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { COMMIT } from "../core.fixture.ts";
import { openDashboard } from "../dashboard.fixture.ts";

test("the runs of a host that was removed are listed by its id, and those of a new host of its name apart from them", async () => {
  await using at = await openDashboard();
  const ada = await at.ada();
  const add = async () => {
    const added = await ada.call("addHost", { body: { name: "alpha", platform: "nixos" } });
    return ((await added.json()) as { host: { row: { id: HostId } } }).host.row.id;
  };
  const items = async (call: Promise<Response>) => ((await (await call).json()) as { items: RunSummary[] }).items;
  const old = await add();
  const body = { op: "pull", args: { commit: COMMIT }, whenBlocked: "queue" };
  const run = (await (await ada.call("startRun", { params: { host: "alpha" }, body })).json()) as RunSummary;
  expect((await ada.call("removeHost", { params: { host: "alpha" } })).ok).toBe(true);
  const fresh = await add();

  const found = [{ id: run.id, hostId: old, hostName: "alpha", state: "cancelled" }];
  expect(await items(ada.call("hostRuns", { params: { host: old } }))).toMatchObject(found);
  expect(await items(ada.call("runs", { query: `?host=${old}` }))).toMatchObject(found);
  expect((await ada.call("run", { params: { run: run.id } })).status).toBe(200);
  for (const host of [fresh, "alpha"]) expect(await items(ada.call("hostRuns", { params: { host } }))).toEqual([]);
  for (const host of ["nobody", "0".repeat(26)]) expect((await ada.call("hostRuns", { params: { host } })).status).toBe(404);
});
