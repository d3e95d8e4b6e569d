import { join } from "node:path";
import { systemClock } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openCore } from "./core.fixture.ts";

test("R13: after a restart with a clock that was set back by forty days the newest run is still the first one of the list", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const first = await openCore({ path });
  const { id } = await first.addHost("alpha");
  const before = await first.begin(id, "pull", { whenBlocked: "queue" });
  await first.stop();
  const clock = { ...systemClock, now: () => Date.now() - 40 * 24 * 60 * 60_000 };
  const second = await openCore({ path, clock });
  const after = await second.begin(id, "pull", { whenBlocked: "queue" });
  expect((await second.views.list({ limit: 10 })).items.map((run) => run.id)).toEqual([after, before]);
  await second.stop();
});
