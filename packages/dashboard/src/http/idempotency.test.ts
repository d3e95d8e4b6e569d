import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { ok, refuse } from "./answer.ts";
import { codeOf, openHttp } from "./http.fixture.ts";

/** Two real routes: one whose answer is a secret, and one that notes how often it was done, and is refused while `refused`. */
async function open() {
  const calls: string[] = [];
  const server = { refused: false };
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
        return server.refused ? refuse("target-not-configured") : ok({ state: "not-configured" });
      });
    },
  });
  const alice = await http.signedIn();
  return { http, alice, calls, release, server };
}

const key = (name: string) => ({ "Idempotency-Key": name });

test("R1: a POST repeated with its Idempotency-Key is done once, also while the first is under way, and later gets its answer", async () => {
  const { http, alice, calls, release } = await open();
  await using _ = http;
  const all = Promise.all([1, 2, 3].map(() => alice.send("POST", "/target/refresh", undefined, key("a"))));
  // Most likely all three are under way by now; whichever is not gets the kept answer.
  await alice.send("GET", "/session");
  release();
  const answers = await all;
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(answers.map(() => ({ state: "not-configured" })));
  const later = await alice.send("POST", "/target/refresh", undefined, key("a"));
  expect({ status: later.status, body: await later.json() }).toEqual({ status: 200, body: { state: "not-configured" } });
  expect(calls).toHaveLength(1);
  await alice.send("POST", "/target/refresh", undefined, key("b"));
  await alice.send("POST", "/target/refresh");
  expect(calls).toHaveLength(3);
  expect(calls[2]).toBe("none");
});

test("R1: a key belongs to its session, for 24 hours, and names one request", async () => {
  const { http, alice, calls, release } = await open();
  await using _ = http;
  release();
  await alice.send("POST", "/target/refresh", undefined, key("a"));
  const other = await http.signedIn();
  await other.send("POST", "/target/refresh", undefined, key("a"));
  expect(calls).toHaveLength(2);
  expect(new Set(calls).size).toBe(2);
  expect(await codeOf(await alice.send("POST", "/hosts/pi/token", undefined, key("a")))).toBe("idempotency-mismatch");
  http.clock.advance(24 * 3_600_000);
  await http.idempotency.sweep();
  expect(await http.store.db.selectFrom("idempotency").selectAll().execute()).toEqual([]);
  await alice.send("POST", "/target/refresh", undefined, key("a"));
  expect(calls).toHaveLength(3);
});

test("R51: a token that was shown once is shown again to the repeated request, and the database cannot show it", async () => {
  const { http, alice } = await open();
  await using _ = http;
  const added = await http.hosts.add({ name: "pi", platform: "nixos" });
  if (!added.ok) throw new Error(added.code);
  const rotate = () => alice.send("POST", `/hosts/${added.id}/token`, undefined, key("a"));
  const first = (await (await rotate()).json()) as { token: string };
  expect(await (await rotate()).json()).toEqual(first);
  expect(await http.hosts.authenticate(first.token)).toEqual({ ok: true, hostId: added.id });
  for (const name of await readdir(http.folder)) {
    const bytes = (await readFile(join(http.folder, name))).toString("latin1");
    expect(bytes, name).not.toContain(first.token);
    expect(bytes, name).not.toContain(first.token.slice(-43));
  }
});

test("R58: the kept fingerprint of one request differs between sessions: no password can be guessed from the database", async () => {
  const { http, alice, release } = await open();
  await using _ = http;
  release();
  const other = await http.signedIn();
  await alice.send("POST", "/target/refresh", undefined, key("a"));
  await other.send("POST", "/target/refresh", undefined, key("a"));
  const kept = await http.store.db.selectFrom("idempotency").select(["request", "body"]).execute();
  expect(new Set(kept.map((row) => row.request)).size).toBe(2);
  expect(JSON.stringify(kept)).not.toContain("not-configured");
});

test("a refusal is not kept: nothing was done, and the same request is tried again under its key", async () => {
  const { http, alice, calls, release, server } = await open();
  await using _ = http;
  release();
  const refresh = () => alice.send("POST", "/target/refresh", undefined, key("a"));
  server.refused = true;
  expect(await codeOf(await refresh())).toBe("target-not-configured");
  server.refused = false;
  expect((await refresh()).status).toBe(200);
  server.refused = true;
  expect((await refresh()).status).toBe(200);
  expect(calls).toHaveLength(2);
  const change = () => alice.send("POST", "/password", { current: "wrong", next: "a quite different one" }, key("b"));
  for (let time = 0; time < 5; time++) expect(await codeOf(await change())).toBe("wrong-credentials");
  const slowed = await change();
  expect({ after: slowed.headers.get("Retry-After"), code: await codeOf(slowed) }).toEqual({
    after: "1",
    code: "too-many-attempts",
  });
});
