import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FactsReading, HostId, RunEvent, RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { knownFacts, storeFacts } from "../hosts/host-facts.ts";
import type { Store } from "../store/index.ts";
import { openTestStore } from "../store/store.fixture.ts";
import { newRow } from "./records.ts";
import { runningRun } from "./run.fixture.ts";
import { storeEvents } from "./store-events.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const hostId = "01j00000000000000000000000" as HostId;
const runId = "01j00000000000000000000001" as RunId;
const closure = (name: string) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`;
const runs = (name: string, readAt: number): FactsReading => ({ readAt, facts: { running: { closure: closure(name) } } });

async function withHost(work: (store: Store, changes: () => number) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "nixfleet-clock-"));
  const { store, bus } = await openTestStore({ path: join(folder, "nixfleet.db") });
  const seen: number[] = [];
  bus.on("host.changed", () => void seen.push(1), { owner: "test" });
  try {
    const row = { id: hostId, name: "alpha", name_key: "alpha", platform: "nixos" as const, notes: "", added_at: NOW };
    await store.change(({ db: trx }) => trx.insertInto("hosts").values(row).execute());
    await work(store, () => seen.length);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

const known = async (store: Store) => knownFacts(await store.db.selectFrom("host_facts").selectAll().execute()).running?.value;

test("R22: a host's clock that is set back during a run changes nothing about what its proof proves", () =>
  withHost(async (store) => {
    const request = { op: "switch", args: { mode: "switch", tests: false } } as const;
    const order = { request, commit: null, createdAt: NOW };
    await store.change(async (change) => {
      await change.db
        .insertInto("runs")
        .values(newRow(runningRun({ ...order, id: runId, hostId }), { number: 1, subject: null }))
        .execute();
      await storeFacts(change, hostId, runs("old", NOW), "now");
    });
    const at = NOW - HOUR;
    const deployment = { closure: closure("new"), commit: null, mode: "switch", runId, at } as const;
    const events: RunEvent[] = [
      { seq: 1, at, kind: "started", agentVersion: "1" },
      { seq: 2, at, kind: "deployed", deployment },
      { seq: 3, at, kind: "finished", outcome: { state: "succeeded" }, proof: runs("new", at) },
    ];

    const stored = await store.change(async (change) => {
      const row = await change.db.selectFrom("runs").selectAll().executeTakeFirstOrThrow();
      return storeEvents(change, row, events, { now: NOW, limits: { runBytes: 1e9, hostBytes: 1e9 } });
    });

    expect(stored?.run).toMatchObject({ state: "succeeded" });
  }));

test("what a host sends now is believed after its clock was set back; what is only late, or comes with a run, is not", () =>
  withHost(async (store, changes) => {
    /** Whether it was published that the host changed. */
    const report = async (reading: FactsReading, came: "now" | "with-run") => {
      const before = changes();
      await store.change((change) => storeFacts(change, hostId, reading, came));
      return changes() > before;
    };
    await report(runs("first", NOW), "now");

    expect(await report(runs("late", NOW - 1000), "now")).toBe(false);
    expect(await report(runs("spooled", NOW - HOUR), "with-run")).toBe(false);
    expect(await known(store)).toEqual({ closure: closure("first") });
    expect(await report(runs("set back", NOW - HOUR), "now")).toBe(true);
    expect(await known(store)).toEqual({ closure: closure("set back") });
    expect(await report(runs("next", NOW - HOUR + 1), "now")).toBe(true);
    expect(await known(store)).toEqual({ closure: closure("next") });
  }));
