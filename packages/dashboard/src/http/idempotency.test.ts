import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { ok, refuse } from "./answer.ts";
import { codeOf, openHttp, PASSWORD } from "./http.fixture.ts";

/** Two real routes: one whose answer is a secret, and one that counts how often it was done. */
async function open() {
  const calls: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const http = await openHttp({
    routes(serve, { hosts }) {
      serve("rotateToken", async ({ params }) => {
        const token = await hosts.rotateToken(params.host as HostId);
        return token === null ? refuse("host-not-found") : ok({ token });
      });
      serve("refreshTarget", async ({ requestKey }) => {
        calls.push(requestKey ?? "none");
        if (calls.length === 1) await held;
        return ok({ state: "not-configured" });
      });
    },
  });
  const alice = await http.signedIn();
  return { http, alice, calls, release };
}

const key = (name: string) => ({ "Idempotency-Key": name });

test("R1: a POST repeated with its Idempotency-Key is done once, also while the first is under way, and later gets its answer", async () => {
  const { http, alice, calls, release } = await open();
  await using _ = http;
  const all = Promise.all([1, 2, 3].map(() => alice.send("POST", "/target/refresh", undefined, key("a"))));
  // Most likely all three are under way by now; whichever is not gets what is kept.
  await alice.send("GET", "/session");
  release();
  const answers = await all;
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(answers.map(() => ({ state: "not-configured" })));
  const later = await alice.send("POST", "/target/refresh", undefined, key("a"));
  expect({ status: later.status, replayed: later.headers.get("Idempotency-Replayed") }).toEqual({
    status: 200,
    replayed: "true",
  });
  expect(calls).toHaveLength(1);
  await alice.send("POST", "/target/refresh", undefined, key("b"));
  await alice.send("POST", "/target/refresh");
  expect(calls).toHaveLength(3);
  expect(calls[2]).toBe("none");
});

test("R1: a key holds for another session of the same person, for 24 hours, and for one request only", async () => {
  const { http, alice, calls, release } = await open();
  await using _ = http;
  release();
  await alice.send("POST", "/target/refresh", undefined, key("a"));
  const other = await http.signedIn();
  await other.send("POST", "/target/refresh", undefined, key("a"));
  expect(calls).toHaveLength(1);
  expect(await codeOf(await alice.send("POST", "/hosts/pi/token", undefined, key("a")))).toBe("idempotency-mismatch");
  http.clock.advance(24 * 3_600_000);
  await http.idempotency.sweep();
  expect(await http.store.db.selectFrom("idempotency").selectAll().execute()).toEqual([]);
  await alice.send("POST", "/target/refresh", undefined, key("a"));
  expect(calls).toHaveLength(2);
});

test("R51: a token that was shown once is shown again to a repeated request of the same session, and the database cannot show it", async () => {
  const { http, alice } = await open();
  await using _ = http;
  const added = await http.hosts.add({ name: "pi", platform: "nixos" });
  if (!added.ok) throw new Error(added.code);
  const rotate = (person: typeof alice) => person.send("POST", `/hosts/${added.id}/token`, undefined, key("a"));
  const first = (await (await rotate(alice)).json()) as { token: string };
  expect(await (await rotate(alice)).json()).toEqual(first);
  expect(await http.hosts.authenticate(first.token)).toEqual({ ok: true, hostId: added.id });
  const other = await http.signedIn();
  expect(await codeOf(await rotate(other))).toBe("idempotency-mismatch");
  for (const name of await readdir(http.folder)) {
    const bytes = (await readFile(join(http.folder, name))).toString("latin1");
    expect(bytes, name).not.toContain(first.token);
    expect(bytes, name).not.toContain(first.token.slice(-43));
  }
});

test("R58: the kept fingerprint of a changed password differs between sessions: it cannot be guessed from the database", async () => {
  const { http, alice } = await open();
  await using _ = http;
  const other = await http.signedIn();
  const body = { current: "wrong", next: "a quite different one" };
  await alice.send("POST", "/password", body, key("a"));
  await other.send("POST", "/password", body, key("b"));
  const kept = await http.store.db.selectFrom("idempotency").select("request").execute();
  expect(new Set(kept.map((row) => row.request)).size).toBe(2);
});

test("a refusal is kept as an answer, but not that somebody must wait, nor a fault of the dashboard", async () => {
  const { http, alice } = await open();
  await using _ = http;
  const change = (name: string) =>
    alice.send("POST", "/password", { current: "wrong", next: "a quite different one" }, key(name));
  for (let i = 0; i < 5; i++) expect(await codeOf(await change(`k${i}`))).toBe("wrong-credentials");
  const slowed = await change("late");
  expect({ code: await codeOf(slowed), after: slowed.headers.get("Retry-After") }).toEqual({
    code: "too-many-attempts",
    after: "1",
  });
  http.clock.advance(60_000);
  expect((await alice.send("POST", "/password", { current: PASSWORD, next: "a quite different one" }, key("late"))).status).toBe(
    204,
  );
  expect(await codeOf(await change("k0"))).toBe("wrong-credentials");
});
