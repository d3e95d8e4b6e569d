import { createFakeClock } from "@nixfleet/testkit";
import type { Kysely } from "kysely";
import { expect, test } from "vitest";
import { createChangeQueue } from "./change-queue.ts";
import type { Database } from "./schema.ts";
import { quiet } from "./store.fixture.ts";

test("a transaction that cannot even begin, for a reason that is no storage fault, rejects its changes instead of being tried without end", async () => {
  let begun = 0;
  const execute = () => {
    begun += 1;
    return Promise.reject(new Error("no memory"));
  };
  const queue = createChangeQueue({
    db: { transaction: () => ({ execute }) } as unknown as Kysely<Database>,
    clock: createFakeClock(),
    sinks: { publish: () => {}, send: () => {}, log: quiet, now: () => 0 },
    storage: { available: true, failed: () => {}, succeeded: () => {} },
  });
  const changes = ["a", "b"].map(() => queue.change(async () => {}, { whenUnavailable: "wait" }));
  for (const change of changes) await expect(change).rejects.toThrow("no memory");
  expect(begun).toBeLessThanOrEqual(changes.length);
});
