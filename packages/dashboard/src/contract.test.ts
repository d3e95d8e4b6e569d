import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  ChangesView,
  OpName,
  opDeclaration,
  Problem,
  ROUTES,
  type Role,
  type Route,
  type RouteName,
  RunSummary,
  RunView,
  roleAllows,
  SourceView,
} from "@nixfleet/protocol";
import { createFleetSimulator, createGitFixture, createHealthyHost, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { callAs, openDashboard, PASSWORD, type Parts, type Person } from "./dashboard.fixture.ts";
import { findUnindexed } from "./query-plans.fixture.ts";
import { createStatementLog } from "./statement-log.fixture.ts";
import { createYearDatabase } from "./year-database.fixture.ts";

const statements = createStatementLog();
const openObserved = (settings = {}) => openDashboard(settings, { aroundStatement: statements.around });

const routes = Object.entries<Route>(ROUTES) as [RouteName, Route][];

test("a caller without a session gets 401 as a problem document from every route that needs one, never a redirect", async () => {
  await using open = await openObserved();
  for (const [name, route] of routes.filter(([, { role }]) => role !== null)) {
    const response = await callAs(open.origin, null, name);
    const problem = Problem.parse(await response.json());
    expect({ name, status: response.status, code: problem.code }).toEqual({ name, status: 401, code: "not-signed-in" });
    expect(response.headers.get("Content-Type"), route.path).toContain("application/problem+json");
  }
});

test("a role that is too low gets 403 from every route that needs a higher one, and is let in to all others", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  for (const role of ["viewer", "operator"] as const satisfies Role[]) {
    setRole(open.data, role);
    for (const [name, route] of routes) {
      if (route.role === null || name === "signOut") continue;
      const response = await ada.call(name);
      const code = response.headers.get("Content-Type")?.includes("problem") ? Problem.parse(await response.json()).code : "none";
      if (roleAllows(role, route.role)) expect({ role, name, code }).not.toMatchObject({ code: "role-too-low" });
      else expect({ role, name, status: response.status, code }).toEqual({ role, name, status: 403, code: "role-too-low" });
    }
  }
});

test("every route answers with what the table says: from first host to a run's log, and to its removal", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  const walked = new Set<RouteName>();
  const call = callAndCheck(ada, walked);

  await call("setupState");
  await call("session");
  await call("sessions");
  const added = await call("addHost", { body: { name: "web1", platform: "nixos" } });
  const { host, token } = added as { host: { row: { id: string } }; token: string };
  await using fleet = createFleetSimulator({ url: open.link, hosts: [{ name: "web1", token }] });
  fleet.start();
  await fleet.whenConnected();

  const params = { host: "web1" };
  expect(await call("hosts")).toMatchObject({ items: [{ name: "web1" }] });
  expect(await call("host", { params })).toMatchObject({ row: { id: host.row.id, name: "web1" } });
  expect(await call("host", { params: { host: host.row.id } })).toMatchObject({ row: { name: "web1" } });
  expect(await call("changeHost", { params, body: { notes: "In the cellar." } })).toMatchObject({ notes: "In the cellar." });
  await call("hostMetrics", { params });

  expect(await call("hostChanges", { params })).toMatchObject({ run: null, standing: "none" });
  // What a hello tells is stored a moment after the welcome.
  await expect
    .poll(() => call("hostGenerations", { params }), { timeout: 30_000 })
    .toMatchObject({ items: [{ number: 1, marks: expect.any(Array) }] });
  // Where no source is declared, a host's own is not called another one.
  expect(await call("host", { params })).toMatchObject({ row: { compartments: { git: { word: "no target" } } } });

  const started = RunSummary.parse(await call("startRun", { params, body: { op: "refresh" } }));
  const run = { run: started.id };
  await ended(ada, started.id);
  expect(await call("hostRuns", { params, query: "?limit=1" })).toMatchObject({
    items: [{ id: started.id, state: "succeeded" }],
  });
  expect(await call("runs", { query: "?host=web1&op=refresh&state=succeeded" })).toMatchObject({ items: [{ id: started.id }] });
  expect(await call("run", { params: run })).toMatchObject({ summary: { by: "ada" } });
  await call("runLog", { params: run });
  await call("searchLog", { params: run, query: "?q=a" });
  await call("logOutline", { params: run });
  expect(await call("startRuns", { body: { op: "refresh", hosts: ["web1", "WEB1", "nobody"] } })).toMatchObject({
    items: [
      { host: "web1", run: { hostName: "web1" }, refused: null },
      { host: "nobody", run: null, refused: { code: "host-not-found" } },
    ],
  });
  const queued = RunSummary.parse(await call("startRun", { params, body: { op: "test", whenBlocked: "queue" } }));
  await call("cancelRun", { params: { run: queued.id } }, ["run-ended"]);
  expect(await call("target")).toEqual({ state: "not-configured" });
  await call("refreshTarget", {}, ["target-not-configured"]);
  expect(await call("sources")).toEqual({ items: [] });
  await call("refreshSource", { params: { source: "0123456789abcdef" } }, ["source-not-found"]);
  await call("rotateToken", { params });
  await call("revokeToken", { params });
  await call("removeHost", { params });
  await call("audit", { query: "?limit=3" });
  await call("changePassword", { body: { current: "wrong", next: "long enough to be one" } }, ["wrong-credentials"]);
  await call("endSession", { params: { session: "x" } }, ["not-found"]);
  await call("setup", { body: { token: "x", name: "Mallory", password: "long enough to be one" } }, ["already-set-up"]);
  await call("signIn", { body: { name: "ada", password: "wrong" } }, ["wrong-credentials"]);
  await call("signOut");
  expect([...walked].sort()).toEqual(routes.map(([name]) => name).sort());
});

/** Arguments with which each op is walked on a host that has generations 1 and 2. */
const WALK = {
  pull: { commit: "a".repeat(40) },
  preview: { commit: "a".repeat(40) },
  switch: { commit: "a".repeat(40) },
  rollback: { generation: 1 },
  test: {},
  reboot: {},
  "collect-garbage": { keepDays: 0 },
  refresh: {},
  "restart-agent": {},
} as const satisfies Record<OpName, object>;

test("R45: every op of the table is asked for, done by a host, proven and told, in the order of the table", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  const call = callAndCheck(ada, new Set());
  const { token } = (await call("addHost", { body: { name: "web1", platform: "nixos" } })) as { token: string };
  await using fleet = createFleetSimulator({
    url: open.link,
    hosts: [{ name: "web1", token }],
    behaviour: createHealthyHost({ pace: 0 }),
    backoff: { first: 10, longest: 20 },
  });
  fleet.start();
  await fleet.whenConnected();
  const params = { host: "web1" };
  for (const op of OpName.options) {
    await fleet.whenConnected();
    const proof = opDeclaration(op).secondFactor ? { proof: { password: PASSWORD } } : {};
    const { id } = RunSummary.parse(
      await call("startRun", { params, body: { op, args: WALK[op], whenBlocked: "queue", ...proof } }),
    );
    await ended(ada, id);
    const view = RunView.parse(await call("run", { params: { run: id } }));
    expect({ op, state: view.summary.state, sentence: view.summary.sentence }).toEqual({
      op,
      state: "succeeded",
      sentence: expect.stringMatching(/^[A-Z0-9].*\.$/),
    });
    // Its phases are those that the table declares, whether each was needed or not.
    expect(view.summary.phases.map(({ phase }) => phase)).toEqual([...opDeclaration(op).phases]);
    expect({ op, armed: view.armed, preview: view.preview !== null }).toEqual({ op, armed: null, preview: op === "preview" });
  }
  expect(await call("hostChanges", { params })).toMatchObject({ preview: { commit: "a".repeat(40) } });
  expect(await call("hostGenerations", { params })).toMatchObject({
    items: [{ number: 1, marks: expect.arrayContaining(["running", "next-boot"]) }],
  });
});

test("a switch to exactly what a preview showed deploys that closure, and the page then says that it runs", async () => {
  await using git = await createGitFixture();
  const commit = await git.commit("nginx: raise worker connections", {});
  await using open = await openObserved({ NIXFLEET_REPO_URL: git.url });
  const ada = await open.ada();
  const call = callAndCheck(ada, new Set());
  const { token } = (await call("addHost", { body: { name: "web1", platform: "nixos" } })) as { token: string };
  await using fleet = createFleetSimulator({
    url: open.link,
    hosts: [{ name: "web1", token, settings: { repoUrl: git.url } }],
    behaviour: createHealthyHost({ pace: 0 }),
  });
  fleet.start();
  await fleet.whenConnected();
  const params = { host: "web1" };
  const run = async (op: OpName, args: object) => {
    const { id } = RunSummary.parse(await call("startRun", { params, body: { op, args } }));
    await ended(ada, id);
    return RunView.parse(await call("run", { params: { run: id } }));
  };
  const target = SourceView.parse(await call("refreshTarget"));
  expect(target).toMatchObject({ state: "known", repoUrl: git.url, commit });
  expect(await call("target")).toEqual(target);
  expect(await call("sources")).toEqual({ items: [target] });
  expect(await call("refreshSource", { params: { source: target.sourceId } })).toMatchObject({
    sourceId: target.sourceId,
    commit,
  });
  await run("preview", {});
  const shown = ChangesView.parse(await call("hostChanges", { params }));
  expect(shown).toMatchObject({ standing: "fresh", action: { op: "switch", args: { mode: "switch", commit } } });
  if (shown.action?.kind !== "start") throw new Error("a switch is offered");
  const other = { ...shown.action.args, closure: `/nix/store/${"1".repeat(32)}-another` };
  expect(await run("switch", other)).toMatchObject({ summary: { state: "refused" }, outcome: { code: "closure-changed" } });
  expect(await run("switch", shown.action.args)).toMatchObject({ summary: { state: "succeeded" } });
  const after = ChangesView.parse(await call("hostChanges", { params }));
  expect(after).toMatchObject({
    standing: "fresh",
    action: null,
    sentence: expect.stringContaining("already runs the previewed closure"),
  });
});

test("whoever acts is in the audit trail with what was done, from where, and how it went; entries name no secret", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  const call = callAndCheck(ada, new Set());
  const { token } = (await call("addHost", { body: { name: "web1", platform: "nixos" } })) as { token: string };
  const params = { host: "web1" };
  await call("changeHost", { params, body: { name: "web2" } });
  await call("startRun", { params: { host: "web2" }, body: { op: "refresh" } }, ["run-refused"]);
  await call("startRun", { params: { host: "web2" }, body: { op: "rm -rf /" } }, ["run-refused"]);
  const queued = RunSummary.parse(
    await call("startRun", { params: { host: "web2" }, body: { op: "test", whenBlocked: "queue" } }),
  );
  await call("cancelRun", { params: { run: queued.id } });
  await call("rotateToken", { params: { host: "web2" } });
  await call("revokeToken", { params: { host: "web2" } });
  await call("removeHost", { params: { host: "web2" } });
  await call("signIn", { body: { name: "ada", password: "wrong" } }, ["wrong-credentials"]);
  const { items } = (await call("audit")) as { items: { action: string; outcome: string; who: string; from: string }[] };
  expect(items.map(({ action, outcome }) => `${action} ${outcome}`).reverse()).toEqual([
    "session.start done",
    "host.add done",
    "host.rename done",
    "run.start refused",
    "run.start refused",
    "run.start done",
    "run.cancel done",
    "token.rotate done",
    "token.revoke done",
    "host.remove done",
    "session.start failed",
  ]);
  expect(new Set(items.map(({ who, from }) => `${who} ${from}`))).toEqual(new Set(["ada 127.0.0.1"]));
  expect(JSON.stringify(items)).not.toContain(token);
});

test("R1: a start that is repeated with its Idempotency-Key starts one run, also when the kept answer was lost", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  const call = callAndCheck(ada, new Set());
  await call("addHost", { body: { name: "web1", platform: "nixos" } });
  const start = () =>
    call("startRun", {
      params: { host: "web1" },
      body: { op: "test", whenBlocked: "queue" },
      headers: { "Idempotency-Key": "k1" },
    });
  const both = (await Promise.all([start(), start()])).map((run) => RunSummary.parse(run).id);
  expect(both[0]).toBe(both[1]);
  withDatabase(open.data, (database) => database.exec("delete from idempotency"));
  expect(RunSummary.parse(await start()).id).toBe(both[0]);
  expect(await call("runs")).toMatchObject({ items: [{ id: both[0] }], next: null });
  const many = () =>
    call("startRuns", { body: { op: "pull", hosts: ["web1"], whenBlocked: "queue" }, headers: { "Idempotency-Key": "k2" } });
  await many();
  withDatabase(open.data, (database) => database.exec("delete from idempotency"));
  await many();
  const { items } = (await call("runs")) as { items: unknown[] };
  expect(items.length).toBeLessThanOrEqual(2);
});

test("R51: a host's token is shown once, opens the link of its own host alone, and ends it when it is rotated or revoked", async () => {
  await using open = await openObserved();
  const call = callAndCheck(await open.ada(), new Set());
  const { token } = (await call("addHost", { body: { name: "web1", platform: "nixos" } })) as { token: string };
  expect(token).toMatch(/^nf_web1_[\w-]{43}$/);
  const params = { host: "web1" };
  await using first = createFleetSimulator({
    url: open.link,
    hosts: [{ name: "web1", token }],
    backoff: { first: 10, longest: 20 },
  });
  first.start();
  await first.whenConnected();
  for (const name of ["hosts", "host", "audit"] as const)
    expect(JSON.stringify(await call(name, { params }))).not.toContain(token);

  const rotated = (await call("rotateToken", { params })) as { token: string };
  await first.whenConnected(0);
  expect(first.host("web1").goodbyes.at(-1)?.code).toBe("revoked");
  await using second = createFleetSimulator({ url: open.link, hosts: [{ name: "web1", token: rotated.token }] });
  second.start();
  await second.whenConnected();
  const used = () => call("host", { params }) as Promise<{ token: { lastUsedFrom: string | null } }>;
  // The use of a token is stored together with what else its host says first.
  while ((await used()).token.lastUsedFrom === null);
  expect(await used()).toMatchObject({ row: { reachability: { state: "online" } }, token: { lastUsedFrom: "127.0.0.1" } });
  await call("revokeToken", { params });
  await second.whenConnected(0);
  expect(await call("host", { params })).toMatchObject({ token: null });
});

test("R38: every route takes wrong parameters, queries and bodies with a problem document, and the dashboard works on", async () => {
  await using open = await openObserved();
  const ada = await open.ada();
  const hostile: Parts[] = [
    { params: { host: "../../etc", run: "../x", session: "%00" }, query: "?limit=-1&cursor=%00&from=0&q=&state=x", body: [] },
    {
      params: { host: "x".repeat(5000), run: "x".repeat(5000) },
      body: { op: { $ne: null }, hosts: {}, name: "\u0000", args: "x" },
    },
    {
      params: { host: "__proto__", run: "constructor" },
      query: "?__proto__[x]=1",
      body: JSON.parse('{"__proto__":{"role":"admin"},"op":"__proto__"}'),
    },
    { params: { host: "' or 1=1 --" }, query: "?who=%25&host=%25&action=_", body: "x".repeat(100_000) },
  ];
  for (const [name] of routes.filter(([route]) => route !== "signOut")) {
    for (const parts of hostile) {
      const response = await ada.call(name, parts);
      expect({ name, fault: response.status >= 500 }).toEqual({ name, fault: false });
      await response.arrayBuffer();
    }
  }
  expect(open.lines.filter((line) => line.includes("fault of the dashboard"))).toEqual([]);
  expect((await ada.call("session")).status).toBe(200);
});

test("R69: every statement that this suite has run finds its rows of history by an index, with statistics of a year and without", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  await createYearDatabase(path, { hosts: 3, runsPerHost: 1000, metrics: true, now: Date.now() });
  expect(statements.costs.size).toBeGreaterThan(100);
  const found = () => findUnindexed(path, statements.costs.keys());
  expect(found()).toEqual([]);
  const database = new DatabaseSync(path);
  database.exec("analyze");
  database.close();
  expect(found()).toEqual([]);
});

/** Calls a route and holds the answer against the table: its schema, or one of the problems that it declares. */
function callAndCheck(person: Person, walked: Set<RouteName>) {
  return async (name: RouteName, parts: Parts = {}, expected: readonly string[] = []): Promise<unknown> => {
    walked.add(name);
    const route: Route = ROUTES[name];
    const response = await person.call(name, parts);
    const text = await response.text();
    if (expected.length > 0 && response.status >= 400) {
      const { code, status } = Problem.parse(JSON.parse(text));
      expect({ name, code, status: response.status }).toEqual({ name, code: expect.toBeOneOf([...expected]), status });
      expect([...route.problems, "invalid-request"]).toContain(code);
      return undefined;
    }
    if (route.response === null) {
      expect({ name, status: response.status, text }).toEqual({ name, status: 204, text: "" });
      return undefined;
    }
    expect({ name, status: response.status, text: response.ok ? "" : text }).toEqual({ name, status: 200, text: "" });
    const body: unknown = JSON.parse(text);
    route.response.parse(body);
    return body;
  };
}

async function ended(person: Person, run: string): Promise<void> {
  for (;;) {
    const { summary } = (await (await person.call("run", { params: { run } })).json()) as { summary: { endedAt: number | null } };
    if (summary.endedAt !== null) return;
  }
}

function withDatabase(data: string, work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(join(data, "nixfleet.db"), { timeout: 5000 });
  work(database);
  database.close();
}

function setRole(data: string, role: Role): void {
  withDatabase(data, (database) => database.prepare("update people set role = ?").run(role));
}
