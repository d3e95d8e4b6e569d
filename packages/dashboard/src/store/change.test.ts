import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { HostId, RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { type Change, StorageUnavailable } from "./index.ts";
import { openTestStore } from "./store.fixture.ts";

const hostId = "01j00000000000000000000000" as HostId;
const runId = "01j00000000000000000000001" as RunId;

async function open() {
  const clock = createFakeClock();
  const logged: string[] = [];
  const write = (facts: unknown, text?: string) => void logged.push(`${text ?? ""} ${JSON.stringify(facts)}`);
  let limit: (pages: number) => void = () => {};
  const parts = await openTestStore({
    clock,
    log: { debug: write, info: write, warn: write, error: write } as never,
    onLimit: (set) => (limit = set),
  });
  const { store, bus, sent } = parts;
  logged.length = 0;
  const released: string[] = [];
  bus.on("run.changed", () => void released.push("run.changed"), { owner: "test" });
  bus.on("audit.added", ({ seq }) => void released.push(`audit ${seq}`), { owner: "test" });
  const put = async ({ db }: Change, key: string, size = 1) => {
    await db
      .insertInto("meta")
      .values({ key, value: "x".repeat(size) })
      .execute();
    return key;
  };
  const keys = async () => (await store.db.selectFrom("meta").select("key").orderBy("key").execute()).map((row) => row.key);
  return { clock, store, sent, logged, released, put, keys, limit: (pages: number) => limit(pages) };
}

const NO_LOG = {
  lines: 0,
  bytes: 0,
  errors: 0,
  warnings: 0,
  first_error_line: null,
  stored: 0,
  truncated: false,
  discarded: false,
  pack_after: null,
  ended_at: null,
};

const fact = {
  actor: { kind: "person", id: "1", name: "ada" },
  action: "run.start",
  sentence: "ada asked.",
  outcome: "done",
} as const;

test("R73: what follows from a change is released after the commit, in the order of the calls, and before the caller goes on", async () => {
  const { store, sent, released, logged, put, keys } = await open();
  await using _ = store;
  const stored: string[][] = [];
  const seen = async () => stored.push(await keys());
  await store.change(async (change) => {
    change.send(hostId, { type: "cancelRun", runId });
    change.audit(fact);
    change.emit("run.changed", { runId, hostId });
    change.afterCommit(() => void released.push("after"));
    change.afterCommit(() => void seen());
    await put(change, "a");
    expect([released, sent, logged]).toEqual([[], [], []]);
  });
  expect(released).toEqual(["audit 1", "run.changed", "after"]);
  expect(sent).toEqual([{ hostId, message: { type: "cancelRun", runId } }]);
  expect(logged.filter((line) => line.startsWith("Audit"))).toHaveLength(1);
  await keys();
  expect(stored).toEqual([["a"]]);
});

test("R73: a change that is undone releases nothing: no event, no message, no audit entry, and no line of it in the log", async () => {
  const { store, sent, released, logged, put, keys } = await open();
  await using _ = store;
  const failing = store.change(async (change) => {
    change.audit(fact);
    change.emit("run.changed", { runId, hostId });
    change.send(hostId, { type: "cancelRun", runId });
    await put(change, "a");
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect([released, sent, logged, await keys()]).toEqual([[], [], [], []]);
  expect(await store.db.selectFrom("audit").selectAll().execute()).toEqual([]);
});

test("R73: an effect that throws is logged, keeps no other from its turn, and does not undo what is stored", async () => {
  const { store, released, logged, put, keys } = await open();
  await using _ = store;
  await store.change(async (change) => {
    await put(change, "a");
    change.afterCommit(() => {
      throw new Error("broken effect");
    });
    change.emit("run.changed", { runId, hostId });
  });
  expect(released).toEqual(["run.changed"]);
  expect(logged.join()).toContain("An effect of a stored change failed");
  expect(await keys()).toEqual(["a"]);
});

test("R73: a change that is over takes no more effects", async () => {
  const { store } = await open();
  await using _ = store;
  const kept = await store.change(async (change) => change);
  expect(() => kept.emit("run.changed", { runId, hostId })).toThrow("The change is over");
});

test("R73: what the work of a change has left behind may change and read the store once the change is over", async () => {
  const { store, put, keys } = await open();
  await using _ = store;
  const over = Promise.withResolvers<void>();
  const later: Promise<unknown>[] = [];
  await store.change(async (change) => {
    const goOn = async () => {
      await over.promise;
      return [await keys(), await store.change((next) => put(next, "b"))];
    };
    later.push(goOn());
    await put(change, "a");
  });
  over.resolve();
  expect(await Promise.all(later)).toEqual([[["a"], "b"]]);
});

test("R43: what comes together is stored in one transaction, in order, and each caller has its own answer", async () => {
  const { store, put, keys } = await open();
  await using _ = store;
  const before = store.transactions;
  expect(before).toBe(0);
  const changes = ["a", "b", "c"].map((key) => store.change((change) => put(change, key), { batchDelay: 0 }));
  expect(await Promise.all(changes)).toEqual(["a", "b", "c"]);
  expect(store.transactions - before).toBe(1);
  expect(await keys()).toEqual(["a", "b", "c"]);
});

test("R73: of changes that share a transaction one that throws undoes nothing but itself, and releases nothing", async () => {
  const { store, released, put, keys } = await open();
  await using _ = store;
  const before = store.transactions;
  const attempt = (key: string) =>
    store.change(
      async (change) => {
        change.emit("run.changed", { runId, hostId });
        change.audit(fact);
        return await put(change, key);
      },
      { batchDelay: 0 },
    );
  const changedMind = store.change(
    async (change) => {
      await put(change, "c");
      throw new Error("no");
    },
    { batchDelay: 0 },
  );
  const results = await Promise.allSettled([changedMind, attempt("a"), attempt("a"), attempt("b")]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
  expect(store.transactions - before).toBe(1);
  expect(await keys()).toEqual(["a", "b"]);
  expect(released).toEqual(["run.changed", "audit 1", "run.changed", "audit 2"]);
});

test("R73: batched and other changes have one order: one that does not wait takes along what came before it", async () => {
  const { clock, store, put, keys } = await open();
  await using _ = store;
  const order: string[] = [];
  const attempt = (key: string, batchDelay?: number) =>
    store.change((change) => put(change, key), batchDelay === undefined ? {} : { batchDelay }).then(() => order.push(key));
  const patient = attempt("a", 100);
  clock.advance(99);
  expect(await keys()).toEqual([]);
  clock.advance(1);
  await patient;
  const before = store.transactions;
  await Promise.all([attempt("c", 1000), attempt("b")]);
  expect(store.transactions - before).toBe(1);
  expect(order).toEqual(["a", "c", "b"]);
});

test("R43: changes wait for the shortest delay among them and no longer, and later ones for their own and no shorter", async () => {
  const { clock, store, put, keys } = await open();
  await using _ = store;
  const attempt = (key: string, batchDelay?: number) =>
    store.change((change) => put(change, key), batchDelay === undefined ? {} : { batchDelay });
  const begun = store.transactions;
  const first = [attempt("a", 1000), attempt("b", 100), attempt("c", 500)];
  await clock.advanceAsync(99);
  expect(await keys()).toEqual([]);
  await clock.advanceAsync(1);
  await Promise.all(first);
  expect(store.transactions - begun).toBe(1);

  // Neither the delay that a shorter one replaced nor one that was no longer waited for ends a later one.
  const early = attempt("d", 300);
  await attempt("e");
  await early;
  // What comes during a flush would go with the next one, at once.
  await clock.advanceAsync(0);
  const late = attempt("f", 1000);
  await clock.advanceAsync(999);
  expect(await keys()).toEqual(["a", "b", "c", "d", "e"]);
  expect(clock.waiting).toBe(1);
  await clock.advanceAsync(1);
  await late;
  expect(store.transactions - begun).toBe(3);
  expect(clock.waiting).toBe(0);
});

test("a store that is closed stores what still waits for its delay", async () => {
  const { store, put } = await open();
  const late = store.change((change) => put(change, "a"), { batchDelay: 1000 });
  await store.close();
  expect(await late).toBe("a");
});

test("a storage that fails rejects those that do not wait; the others keep their order, and are stored once, when there is room", async () => {
  const { clock, store, put, keys, limit, released } = await open();
  limit(1);
  const wait = { batchDelay: 0, whenUnavailable: "wait" } as const;
  const big = store.change(async (change) => {
    change.emit("run.changed", { runId, hostId });
    return await put(change, "a", 500_000);
  }, wait);
  await expect(store.change((change) => put(change, "z", 500_000))).rejects.toThrow(StorageUnavailable);
  const small = store.change((change) => put(change, "b"), wait);
  expect(store.storage).toMatchObject({ ok: false, reason: "The disk that holds the database is full." });
  // One that does not wait is tried at once all the same: it may be what makes room.
  expect(await store.change((change) => put(change, "room"))).toBe("room");
  expect(store.waiting).toBe(2);
  limit(1_000_000);
  await clock.advanceAsync(10_000);
  expect(await Promise.all([big, small])).toEqual(["a", "b"]);
  expect(await keys()).toEqual(["a", "b", "room"]);
  expect(released).toEqual(["run.changed"]);

  limit(1);
  const never = store.change((change) => put(change, "c", 5_000_000), wait);
  await Promise.all([expect(never).rejects.toThrow(StorageUnavailable), store.close()]);
  await expect(store.change((change) => put(change, "d"))).rejects.toThrow(StorageUnavailable);
});

test("R73: of work that shares a transaction in which the storage failed, what waits is done again, whole and in order, and released once", async () => {
  const { clock, store, put, keys, limit, released } = await open();
  await using _ = store;
  const wait = { batchDelay: 0, whenUnavailable: "wait" } as const;
  const attempts: string[] = [];
  const attempt = (key: string, size = 1) =>
    store.change(async (change) => {
      attempts.push(key);
      change.audit(fact);
      return await put(change, key, size);
    }, wait);
  limit(1);
  // The first two fit; the third fails, and takes them along.
  const work = [attempt("a"), attempt("b"), attempt("c", 500_000), attempt("d")];
  const later = Promise.all(work);
  await clock.advanceAsync(1);
  expect([attempts, released, await keys()]).toEqual([["a", "b", "c"], [], []]);
  expect(store.waiting).toBe(4);
  limit(1_000_000);
  await clock.advanceAsync(2000);
  expect(await later).toEqual(["a", "b", "c", "d"]);
  expect(attempts.slice(3)).toEqual(["a", "b", "c", "d"]);
  expect(released).toEqual(["audit 1", "audit 2", "audit 3", "audit 4"]);
  expect(await keys()).toEqual(["a", "b", "c", "d"]);
});

test("R73: what comes while the storage fails keeps its place behind what came before", async () => {
  const { clock, store, put, keys, limit } = await open();
  await using _ = store;
  const wait = { batchDelay: 0, whenUnavailable: "wait" } as const;
  const order: string[] = [];
  const attempt = (key: string, size = 1) =>
    store.change((change) => put(change, key, size), wait).then((stored) => order.push(stored));
  const working = Promise.withResolvers<void>();
  const later = working.promise.then(() => attempt("later"));
  limit(1);
  const first = store
    .change(async (change) => {
      working.resolve();
      await change.db.selectFrom("meta").select("key").execute();
      return await put(change, "first", 500_000);
    }, wait)
    .then((stored) => order.push(stored));
  await clock.advanceAsync(1);
  expect(store.waiting).toBe(2);
  limit(1_000_000);
  await clock.advanceAsync(2000);
  await Promise.all([first, later]);
  expect(order).toEqual(["first", "later"]);
  expect(await keys()).toEqual(["first", "later"]);
});

test("R43: a transaction that takes long takes no further work: the rest follows in the next one, in order, and none is lost", async () => {
  const { clock, store, put, keys } = await open();
  await using _ = store;
  const before = store.transactions;
  const attempt = (key: string, takes: number) =>
    store.change(
      async (change) => {
        clock.advance(takes);
        return await put(change, key);
      },
      { batchDelay: 0 },
    );
  const work = [attempt("a", 10), attempt("b", 11), attempt("c", 0), attempt("d", 20), attempt("e", 0)];
  expect(await Promise.all(work)).toEqual(["a", "b", "c", "d", "e"]);
  expect(store.transactions - before).toBe(2);
  expect(await keys()).toEqual(["a", "b", "c", "d", "e"]);
});

test("R73: of a transaction whose commit fails nothing is stored or released, and each caller is told, once", async () => {
  const { store, put, keys, released } = await open();
  await using _ = store;
  const attempt = (work: (change: Change) => Promise<unknown>) =>
    store.change(
      async (change) => {
        change.emit("run.changed", { runId, hostId });
        await work(change);
      },
      { batchDelay: 0 },
    );
  const results = await Promise.allSettled([
    attempt((change) => put(change, "a")),
    attempt(() => Promise.reject(new Error("no"))),
    attempt(async ({ db }) => {
      // Foreign keys are looked at with the commit, which this one then breaks.
      await sql`pragma defer_foreign_keys = on`.execute(db);
      await db
        .insertInto("run_logs")
        .values({ ...NO_LOG, run_id: runId })
        .execute();
    }),
  ]);
  expect(results.map((result) => result.status === "rejected" && String(result.reason))).toEqual(
    Array(3).fill(expect.stringContaining("FOREIGN KEY constraint failed")),
  );
  expect([released, await keys()]).toEqual([[], []]);
  // The store works on.
  await store.change((change) => put(change, "b"));
  expect(await keys()).toEqual(["b"]);
});

/** Another program that holds the database's write lock until it is told to let go. */
async function lockElsewhere(path: string) {
  const script = `
    import { DatabaseSync } from "node:sqlite";
    const db = new DatabaseSync(process.argv[1]);
    db.exec("begin immediate");
    process.stdout.write("locked");
    process.stdin.on("data", () => { db.exec("rollback"); db.close(); process.exit(0); });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return async () => {
    child.stdin.write("go");
    await once(child, "exit");
  };
}

test("R41: another program's lock is survived for a minute: nothing waits on the event loop, nothing is lost, and it is told", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const clock = createFakeClock();
  const { store } = await openTestStore({ path, clock });
  await using _ = store;
  const put = (key: string, whenUnavailable: "wait" | "reject" | "reject-at-once") =>
    store.change(({ db }) => db.insertInto("meta").values({ key, value: "" }).execute(), { whenUnavailable });
  const letGo = await lockElsewhere(path);

  await expect(put("health", "reject-at-once")).rejects.toThrow("Another program has locked the database");
  expect(store.storage).toEqual({ ok: true });
  const patient = put("patient", "wait");
  const click = put("click", "reject").catch((error: unknown) => error);
  for (let passed = 0; passed < 60_000; passed += 50) await clock.advanceAsync(50);
  expect(await click).toBeInstanceOf(StorageUnavailable);
  expect(store.storage).toMatchObject({ ok: false, reason: "Another program has locked the database." });
  // Who only reads is not kept waiting.
  expect(await store.db.selectFrom("meta").selectAll().execute()).toEqual([]);

  await letGo();
  await clock.advanceAsync(5000);
  await patient;
  expect(store.storage).toEqual({ ok: true });
  expect((await store.db.selectFrom("meta").select("key").execute()).map(({ key }) => key)).toEqual(["patient"]);
});

test("R41: a lock of a moment is only waited for, and a start waits for one too", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  {
    const { store } = await openTestStore({ path });
    const letGo = await lockElsewhere(path);
    const click = store.change(({ db }) => db.insertInto("meta").values({ key: "click", value: "" }).execute());
    await letGo();
    await click;
    expect(store.storage).toEqual({ ok: true });
    await store.close();
  }
  const letGo = await lockElsewhere(path);
  const opening = openTestStore({ path });
  await letGo();
  const { store } = await opening;
  await using _ = store;
  expect((await store.db.selectFrom("meta").select("key").execute()).map(({ key }) => key)).toEqual(["click"]);
});
