import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openFleet } from "../core.fixture.ts";

const MINUTE = 60_000;

async function openFull() {
  const clock = createFakeClock();
  let limit: (pages: number) => void = () => {};
  const lab = await openFleet(["alpha"], { clock, onLimit: (set) => (limit = set) });
  const { core } = lab;
  const hold = { by: "time", reason: "Not before then.", until: clock.now() + MINUTE } as const;
  const runId = await core.begin(lab.id, "pull", { hold });
  limit(1);
  const value = "x".repeat(1_000_000);
  await expect(core.store.change(({ db }) => db.insertInto("meta").values({ key: "big", value }).execute())).rejects.toThrow(
    "full",
  );
  return { ...lab, clock, runId, makeRoom: () => limit(1_000_000) };
}

test("R48: a run that is due while nothing can be stored does not keep the dashboard from stopping", async () => {
  await using lab = await openFull();
  await lab.clock.advanceAsync(2 * MINUTE);
  expect(lab.core.store.storage.ok).toBe(false);
  await lab.core.stop();
});

test("R11: a run that was due while nothing could be stored has its tick as soon as there is room", async () => {
  await using lab = await openFull();
  const { core, clock, runId } = lab;
  await clock.advanceAsync(2 * MINUTE);
  lab.makeRoom();
  await clock.advanceAsync(10_000);
  expect(await core.views.summary(runId)).toMatchObject({ hold: null, queueReason: "host-offline" });
  expect(core.logged.filter(({ text }) => text.includes("due"))).toEqual([]);
});

test("R42: a run that is due by the limits of another version is looked at once, and again when it is due by today's", async () => {
  const clock = createFakeClock();
  await using lab = await openFleet(["alpha"], { clock });
  const { core } = lab;
  const runId = await core.begin(lab.id, "pull", { whenBlocked: "queue" });
  await core.store.change(({ db }) =>
    db
      .updateTable("runs")
      .set({ due_at: clock.now() + 1 })
      .where("id", "=", runId)
      .execute(),
  );
  const before = core.store.transactions;
  await clock.advanceAsync(60 * MINUTE);
  expect(core.store.transactions - before).toBeLessThan(20);
  const { due_at } = await core.store.db.selectFrom("runs").select("due_at").executeTakeFirstOrThrow();
  expect(due_at).toBe(Date.UTC(2026, 0, 8));
});
