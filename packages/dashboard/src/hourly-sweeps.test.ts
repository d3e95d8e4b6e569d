import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openDashboard } from "./dashboard.fixture.ts";

const HOUR = 3_600_000;

test("R58: R69: once an hour, sessions whose time is over and answers that are a day old leave the database", async () => {
  const clock = createFakeClock();
  await using open = await openDashboard({}, { clock });
  using database = new DatabaseSync(join(open.data, "nixfleet.db"), { readOnly: true, timeout: 5000 });
  const rows = () => [
    database.prepare("select count(*) as n from sessions").get()?.["n"],
    database.prepare("select count(*) as n from idempotency").get()?.["n"],
  ];
  /** Lets one hour after the other pass, until this is so. */
  const becomes = (expected: [sessions: number, answers: number]) =>
    expect
      .poll(
        async () => {
          await clock.advanceAsync(HOUR);
          return rows();
        },
        { timeout: 30_000, interval: 5 },
      )
      .toEqual(expected);
  const ada = await open.ada();
  const added = await ada.call("addHost", { body: { name: "web1", platform: "nixos" }, headers: { "Idempotency-Key": "a" } });
  expect(added.status).toBe(200);
  expect(rows()).toEqual([1, 1]);
  clock.jump(23 * HOUR);
  await becomes([1, 0]);
  clock.jump(7 * 24 * HOUR);
  await becomes([0, 0]);
});
