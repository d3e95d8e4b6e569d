import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { HostId, Metrics } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createIds } from "../ids.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { createMetricsHistory } from "./index.ts";
import { SPAN } from "./metrics-history.ts";

async function arrange(count = 1) {
  const scope = new AsyncDisposableStack();
  const dir = scope.use(await createTempDir());
  const clock = createFakeClock();
  let limit: (pages: number) => void = () => {};
  const { store, bus, publish } = await openTestStore({
    path: join(dir.path, "nixfleet.db"),
    clock,
    onLimit: (set) => {
      limit = set;
    },
  });
  scope.use(store);
  const ids = createIds({ now: clock.now, randomBytes });
  const hosts = Array.from({ length: count }, () => ids.host());
  await store.change(async ({ db: trx }) => {
    for (const id of hosts) {
      await trx.insertInto("hosts").values({ id, name: id, name_key: id, platform: "nixos", notes: "", added_at: 0 }).execute();
    }
  });
  const latest = new Map<HostId, Metrics>();
  const make = () => {
    const history = scope.use(
      createMetricsHistory({ store, bus, clock, log: quiet, presence: { of: (id) => ({ metrics: latest.get(id) ?? null }) } }),
    );
    history.start();
    return history;
  };
  const measure = (id: HostId, metrics: Omit<Metrics, "at">) => {
    latest.set(id, { at: clock.now(), ...metrics });
    bus.emit("host.metrics", { hostId: id });
  };
  /** A span ends, and what follows from that. */
  const nextSpan = async () => {
    const before = store.transactions;
    clock.advance(SPAN);
    for (let turn = 0; turn < 1000 && store.transactions === before; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    // A probe of the storage may come first; nothing here waits for anything but the turns of the event loop.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    scope,
    publish,
    clock,
    bus,
    store,
    host: hosts[0] as HostId,
    hosts,
    make,
    measure,
    nextSpan,
    limit: (pages: number) => limit(pages),
  };
}

test("a span is the mean of what was measured in it, and the present one is part of the answer", async () => {
  const { scope, clock, host, make, measure, nextSpan } = await arrange();
  await using _ = scope;
  const history = make();
  const start = clock.now();
  measure(host, { cpu: 0.2, load: 1, memory: { used: 1, total: 4 }, network: { in: 10, out: 20 } });
  measure(host, { cpu: 0.4, load: 3, memory: { used: 3, total: 4 }, network: { in: 30, out: 40 } });
  await nextSpan();
  measure(host, { load: 8 });

  const first = { at: start, cpu: expect.closeTo(0.3), load: 2, memory: 0.5, networkIn: 20, networkOut: 30 };
  const second = { at: start + SPAN, cpu: null, load: 8, memory: null, networkIn: null, networkOut: null };
  expect(await history.read(host)).toEqual([first, second]);
});

test("R24: a measured zero counts, and what was not measured neither lowers a mean nor becomes zero", async () => {
  const { scope, clock, host, make, measure } = await arrange();
  await using _ = scope;
  const history = make();
  measure(host, { load: 0, cpu: 0 });
  measure(host, { load: 4 });
  expect(await history.read(host)).toEqual([
    { at: clock.now(), cpu: 0, load: 2, memory: null, networkIn: null, networkOut: null },
  ]);
});

test("R43: the measurements of 1,000 hosts are one write transaction in five minutes", async () => {
  const { scope, store, hosts, make, measure, nextSpan } = await arrange(1000);
  await using _ = scope;
  const history = make();
  const before = store.transactions;
  for (let beat = 0; beat < 5; beat++) for (const id of hosts) measure(id, { load: beat });
  expect(store.transactions).toBe(before);

  await nextSpan();

  expect(store.transactions).toBe(before + 1);
  const rows = await store.db
    .selectFrom("metrics_history")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirst();
  expect(rows?.count).toBe(1000);
  expect(await history.read(hosts[999] as HostId)).toMatchObject([{ load: 2 }]);
});

test("a day is kept, and outlives a restart", async () => {
  const { scope, clock, store, host, make, measure, nextSpan } = await arrange();
  await using _ = scope;
  const before = make();
  for (let span = 0; span < 290; span++) {
    measure(host, { load: span });
    await nextSpan();
  }
  measure(host, { load: 290 });
  await before.stop();

  const points = await make().read(host);
  expect(points).toHaveLength(289);
  expect([points[0]?.load, points.at(-1)?.load]).toEqual([2, 290]);
  expect(points[0]?.at).toBe(clock.now() - 288 * SPAN);
  expect(await store.db.selectFrom("metrics_history").selectAll().execute()).toHaveLength(289);
});

test("what could not be stored is stored with the next span", async () => {
  const { scope, host, hosts, make, measure, nextSpan, store, limit } = await arrange(1000);
  await using _ = scope;
  const history = make();
  for (const id of hosts) measure(id, { load: 1 });
  // A full disk: so many rows do not fit into the pages that are there.
  limit(1);
  await nextSpan();
  expect(await store.db.selectFrom("metrics_history").selectAll().execute()).toEqual([]);
  limit(1_000_000);
  for (const id of hosts) measure(id, { load: 3 });
  await nextSpan();

  expect(await store.db.selectFrom("metrics_history").selectAll().execute()).toHaveLength(2000);
  expect((await history.read(host)).map(({ load }) => load)).toEqual([1, 3]);
});

test("a host that was removed takes its measurements with it", async () => {
  const { scope, publish, store, host, make, measure, nextSpan } = await arrange();
  await using _ = scope;
  const history = make();
  measure(host, { load: 1 });
  await store.change(({ db: trx }) => trx.deleteFrom("hosts").where("id", "=", host).execute());
  publish("host.removed", { hostId: host });
  // A last word that was on its way.
  measure(host, { load: 2 });
  await nextSpan();
  expect(await store.db.selectFrom("metrics_history").selectAll().execute()).toEqual([]);
  expect(await history.read(host)).toEqual([]);
});
