import {
  API_PATH,
  type FromBrowser,
  type HostRow,
  type HostView,
  LIVE_CLOSE,
  LIVE_PATH,
  type NumberedLine,
  OpName,
  PROBLEMS,
  type Problem,
  type ProblemCode,
  REFUSALS,
  type RouteInput,
  type RunId,
  type RunSummary,
  type RunView,
  type ServerInfo,
  type SourceView,
  type ToBrowser,
  type Topic,
  topicHead,
} from "@nixfleet/protocol";
import { idOf, largeFleet, pictureFleet, REPO_URL, runSummary, SOURCE, TARGET } from "./host-rows.ts";
import { changesOf, generationsOf, storePath } from "./mock-changes.ts";
import { runView, specialRuns } from "./mock-runs.ts";

/*
 * A dashboard inside of the page, for working on the page without one: /?mock, and ?mock=empty, ?mock=1000 (hosts), ?mock=offline,
 * ?mock=signed-out. It answers in the shapes of the protocol and moves a little. Only development builds have it.
 */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

interface World {
  rows: HostRow[];
  runs: RunSummary[];
  source: SourceView;
  server: ServerInfo;
  /** The link was cut before. */
  cut: boolean;
}

function createWorld(kind: string): World {
  const now = Date.now();
  const fleet = kind === "empty" ? { rows: [], runs: [] } : pictureFleet(now);
  const count = Number(kind);
  return {
    rows: count > 0 ? largeFleet(count, now) : fleet.rows,
    runs: fleet.runs,
    source: {
      state: "known",
      sourceId: SOURCE,
      repoUrl: REPO_URL,
      branch: "main",
      commit: TARGET,
      subject: "nginx: raise worker connections on the edge hosts",
      author: "admin",
      committedAt: now - 24 * MINUTE,
      fetchedAt: now - 20_000,
      lockHash: null,
      inputs: {
        nixpkgs: { revision: "a1b2c3d4e5f6", lastModified: now - 12 * DAY },
        nixfleet: { revision: "0f1e2d3c4b5a", lastModified: now - 3 * DAY },
        "home-manager": { revision: "99aabbccddee", lastModified: now - 9 * DAY },
        agenix: { revision: "123456789abc", lastModified: now - 40 * DAY },
        disko: { revision: "abcdef012345", lastModified: now - 2 * DAY },
      },
      url: "https://git.example.net/admin/nixcfg/commit/7f3a91c",
      stale: false,
      problem: null,
      next: null,
    },
    server: {
      version: "0.1.0",
      startedAt: now - DAY,
      repoUrl: REPO_URL,
      origin: location.origin,
      notice: null,
      storage: null,
    },
    cut: false,
  };
}

const LINES = [
  ["systemd[1]: Starting nginx.service…", undefined],
  ['nginx[88213]: [emerg] host not found in upstream "grafana.internal:3000" in /etc/nginx/nginx.conf:141', "error"],
  ["systemd[1]: nginx.service: Failed with result 'exit-code'.", undefined],
] as const;

function hostView(row: HostRow): HostView {
  const now = Date.now();
  const failed = row.status === "broken";
  return {
    row,
    addedAt: now - 90 * DAY,
    notes: "Edge host at the provider’s second site. Serves the public pages; its upstreams live on mon0 and hsb1.",
    facts: {
      platform: row.platform,
      system: row.system ?? "x86_64-linux",
      os: { name: "NixOS", version: "26.05" },
      kernel: "6.12.58",
      nix: "2.31.2",
      boot: { id: "boot", at: now - 41 * DAY - 6 * 60 * MINUTE },
      agent: { version: "1.8.2", startedAt: now - 6 * DAY },
      failedUnits: failed ? ["restic-prune.service"] : [],
      running: { closure: storePath(row.name, "a"), since: now - 6 * DAY },
      generations: generationsOf(row, now).map(({ number, at, closure, commit }) => ({
        number,
        at,
        ...(closure !== null && { closure: storePath(row.name, "a") }),
        ...(commit !== null && { commit }),
        current: number === row.runs.generation,
      })),
      deadman: row.name === "hsb8" ? { runId: idOf(5001) as RunId, until: now + 92_000, back: storePath(row.name, "a") } : null,
    },
    factsReadAt: now - 3_000,
    runningSubject: "grafana: move to mon0",
    deployedBy: "admin",
    metrics:
      row.load === null
        ? null
        : {
            at: now,
            cpu: 0.18,
            load: row.load,
            memory: { used: 5.6 * 1024 ** 3, total: 7.8 * 1024 ** 3 },
            disks: [
              { mount: "/", used: 31 * 1024 ** 3, total: 80 * 1024 ** 3 },
              { mount: "/nix", used: 58 * 1024 ** 3, total: 80 * 1024 ** 3 },
              { mount: "/boot", used: 412 * 1024 ** 2, total: 511 * 1024 ** 2 },
            ],
            network: { in: 1.2 * 1024 ** 2, out: 3.9 * 1024 ** 2 },
          },
    policy: {
      allowedOps: OpName.options.filter((op) => op !== "reboot" || row.name !== "mon0"),
      allowRewind: false,
      signed: row.name === "csb0",
      confirmTimeout: row.name === "mon0" ? 0 : 120,
    },
    settings: { tags: row.tags, location: "cloud", deviceType: "server", themeColor: null, interval: 5, repoUrl: "" },
    failure: failed
      ? runSummary({
          id: idOf(903) as RunId,
          hostId: row.id,
          hostName: row.name,
          state: "failed",
          status: "broken",
          word: "failed",
          sentence: "nginx.service did not start",
          endedAt: now - 12 * MINUTE,
        })
      : null,
    failureLog: failed
      ? LINES.map(
          ([text, level], index): NumberedLine => ({
            n: index + 1,
            at: now,
            stream: "activate",
            text,
            ...(level && { level }),
          }),
        )
      : [],
    token: { createdAt: now - 90 * DAY, lastUsedAt: now - 3_000, lastUsedFrom: "192.0.2.17" },
    lastRefusedLink: null,
  };
}

const progressAt = (now: number): RunView["progress"] => ({
  builds: { done: 214, expected: 351, running: 3, failed: 0 },
  copies: { done: 188, expected: 188 },
  bytes: { done: 1.2 * 1024 ** 3, expected: 1.9 * 1024 ** 3 },
  now: [
    { name: "linux-6.12.61", phase: "buildPhase", since: now - 114_000 },
    { name: "zfs-kernel-2.4.0-6.12.61", phase: "configurePhase", since: now - 22_000 },
    { name: "nginx-1.29.4", phase: "checkPhase", since: now - 9_000 },
  ],
});

const FAILED_PREVIEW: RunView["outcome"] = {
  code: "evaluation-failed",
  sentence: "Nix could not evaluate the configuration.",
  next: "Fix the configuration where the message points, push, and pull again.",
  reason: null,
  firstError: "error: attribute 'workerConnections' missing at /modules/nginx.nix:41:9",
  firstErrorLine: 23,
};

function hostRuns(row: HostRow): RunSummary[] {
  const now = Date.now();
  const run = (number: number, ago: number, change: Partial<RunSummary>) =>
    runSummary({
      id: idOf(2000 + number) as RunId,
      number,
      hostId: row.id,
      hostName: row.name,
      createdAt: now - ago,
      startedAt: now - ago,
      endedAt: now - ago + 108_000,
      ...change,
    });
  return [
    ...(row.run ? [row.run] : []),
    ...specialRuns(row, now).map(({ summary }) => summary),
    run(2180, 12 * MINUTE, {
      state: "failed",
      status: "broken",
      word: "failed",
      sentence: "to 7f3a91c, nginx.service did not start",
      endedAt: now - 12 * MINUTE + 242_000,
    }),
    run(2178, 17 * MINUTE, {
      op: "pull",
      title: "Pull",
      sentence: "4be20d7 → 7f3a91c, 3 commits",
      endedAt: now - 17 * MINUTE + 2_000,
    }),
    run(2101, 6 * DAY, { op: "test", title: "Run tests", sentence: "9 passed", endedAt: now - 6 * DAY + 14_000 }),
    run(2100, 6 * DAY, { sentence: "to 4be20d7, generation 287" }),
  ];
}

function topicValues(world: World, topic: Topic): Record<string, unknown> | undefined {
  const id = topic.slice(topic.indexOf(":") + 1);
  switch (topicHead(topic)) {
    case "fleet":
      return {
        ...Object.fromEntries(world.rows.map((row) => [`host:${row.id}`, row])),
        ...Object.fromEntries(world.runs.map((run) => [`run:${run.id}`, run])),
        [`source:${SOURCE}`]: world.source,
        server: world.server,
      };
    case "activity":
      return {};
    case "host": {
      const row = world.rows.find((each) => each.id === id);
      return (
        row && {
          host: hostView(row),
          changes: changesOf(row, Date.now()),
          generations: generationsOf(row, Date.now()),
          ...Object.fromEntries(hostRuns(row).map((run) => [`run:${run.id}`, run])),
        }
      );
    }
    case "run":
      return runValues(world, id);
  }
}

function runValues(world: World, id: string): Record<string, unknown> | undefined {
  const special = world.rows.flatMap((row) => specialRuns(row, Date.now())).find(({ summary }) => summary.id === id);
  if (special) return { run: special };
  const preview = world.rows.map((row) => changesOf(row, Date.now()).run).find((each) => each?.id === id);
  if (preview)
    return {
      run: runView(preview, preview.state === "failed" ? { outcome: FAILED_PREVIEW } : { progress: progressAt(Date.now()) }),
    };
  const run = world.runs.find((each) => each.id === id) ?? world.rows.flatMap(hostRuns).find((each) => each.id === id);
  return run && { run: runView(run) };
}

class MockSocket extends EventTarget {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly #world: World;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #version = 1;
  #fleet = false;

  constructor(world: World, kind: string) {
    super();
    this.#world = world;
    const { cut } = world;
    if (kind === "offline" || kind === "signed-out") {
      world.cut = true;
      setTimeout(() => this.onclose?.({ code: kind === "offline" ? 1006 : LIVE_CLOSE.sessionEnded }), cut ? 50 : 1_500);
      if (cut) {
        this.#timer = undefined;
        return;
      }
    }
    setTimeout(() => {
      this.onopen?.();
      this.#say({ type: "hello", serverTime: Date.now(), version: "0.1.0" });
    }, 30);
    this.#timer = setInterval(() => {
      this.#say({ type: "ping" });
      this.#beat();
    }, 1_000);
  }

  send(text: string): void {
    const message = JSON.parse(text) as FromBrowser;
    if (message.type === "pong") return;
    if (message.type === "unsubscribe") {
      if (message.topic === "fleet") this.#fleet = false;
      return;
    }
    const values = topicValues(this.#world, message.topic);
    if (message.topic === "fleet") this.#fleet = true;
    setTimeout(
      () =>
        this.#say(
          values
            ? { type: "snapshot", topic: message.topic, version: this.#version, values }
            : { type: "gone", topic: message.topic },
        ),
      20,
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A tenth of the hosts say how they are; the build goes on. */
  #beat(): void {
    if (!this.#fleet) return;
    const set: Record<string, unknown> = {};
    this.#world.rows = this.#world.rows.map((row) => {
      if (row.load === null || Math.random() > 0.1) return row;
      const next = { ...row, load: Math.max(0, row.load + (Math.random() - 0.5) * 0.2) };
      set[`host:${row.id}`] = next;
      return next;
    });
    this.#version += 1;
    this.#say({ type: "delta", topic: "fleet", version: this.#version, set, unset: [] });
  }

  #say(message: ToBrowser): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

class MockProblem {
  readonly document: Problem;
  constructor(code: ProblemCode, more: Partial<Problem> = {}) {
    const { status, title, next } = PROBLEMS[code];
    this.document = { type: `about:blank#${code}`, title, status, code, next, ...more };
  }
}

/** Reboots want the password `admin`. A switch that is not forced is refused by mon0, which runs the target, and by csb0, which must not go back. */
function startRuns(world: World, path: string, body: RouteInput<"startRun">["body"] & { hosts?: string[] }): unknown {
  const { op, proof, force = false } = body;
  if (op === "reboot" && proof?.password !== "admin") return new MockProblem("second-factor-wrong");
  const start = (id: string) => {
    const row = world.rows.find((each) => each.id === id);
    const refusal = row?.name === "mon0" ? "already-current" : row?.name === "csb0" ? "not-fast-forward" : null;
    if (op === "switch" && !force && refusal !== null) {
      const { sentence, next } = REFUSALS[refusal];
      return { host: id, run: null, refused: { code: refusal, sentence, next } };
    }
    const run = runSummary({ state: "queued", word: "queued", sentence: "It starts when the host is back." });
    return { host: id, run, refused: null };
  };
  if (body.hosts !== undefined) return { items: body.hosts.map(start) };
  const { run, refused } = start(path.split("/")[2] ?? "");
  if (refused === null) return run;
  return new MockProblem("run-refused", { detail: refused.sentence, refusal: refused.code, next: refused.next });
}

function answer(world: World, method: string, path: string): unknown {
  if (path === "/session") return { person: { name: "admin", role: "admin" }, csrf: "csrf" };
  if (path === "/setup") return { needed: false };
  if (path === "/target/refresh") return world.source;
  if (path === "/sessions") {
    const now = Date.now();
    return {
      items: [
        { id: "1", createdAt: now - DAY, lastSeenAt: now, address: "192.0.2.8", agent: "Firefox 152 on Linux", current: true },
        {
          id: "2",
          createdAt: now - 9 * DAY,
          lastSeenAt: now - DAY,
          address: "192.0.2.9",
          agent: "Safari 26 on iPhone",
          current: false,
        },
      ],
    };
  }
  if (path.endsWith("/metrics")) {
    const now = Date.now();
    return {
      items: Array.from({ length: 288 }, (_, index) => {
        const busy = index > 248 && index < 256;
        const wave = Math.sin(index / 25);
        return {
          at: now - (288 - index) * 5 * MINUTE,
          cpu: index > 90 && index < 110 ? null : busy ? 0.96 : 0.16 + 0.04 * wave + Math.random() * 0.02,
          load: index > 90 && index < 110 ? null : busy ? 3.4 : 0.7 + 0.2 * wave + Math.random() * 0.1,
          memory: index > 90 && index < 110 ? null : 0.7 + 0.02 * wave,
          networkIn: index > 90 && index < 110 ? null : 1e6 * (1 + 0.5 * wave + Math.random() * 0.4),
          networkOut: 3e6,
        };
      }),
    };
  }
  if (path.endsWith("/log")) return { lines: [], last: 0 };
  if (path.endsWith("/log/outline")) return { last: 0, errors: [], warnings: [], noise: [] };
  if (path.endsWith("/runs") && method === "GET") return { items: [], next: null };
  return undefined;
}

/** Puts the mock in place of the network. */
export function installMockDashboard(kind: string): void {
  const world = createWorld(kind);
  const RealSocket = globalThis.WebSocket;
  globalThis.WebSocket = new Proxy(RealSocket, {
    construct(target, args: [string | URL, string?]) {
      const { pathname } = new URL(args[0], location.href);
      return pathname === LIVE_PATH ? new MockSocket(world, kind) : new target(...args);
    },
  });
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, location.href);
    if (!pathname.startsWith(API_PATH)) return realFetch(input, init);
    await new Promise((resolve) => setTimeout(resolve, 40));
    if (init?.method === "DELETE") return new Response(null, { status: 204 });
    const path = pathname.slice(API_PATH.length);
    const method = init?.method ?? "GET";
    const body =
      method === "POST" && path.endsWith("/runs") && typeof init?.body === "string"
        ? startRuns(world, path, JSON.parse(init.body))
        : (answer(world, method, path) ?? new MockProblem("not-found", { detail: "The mock does not know this." }));
    if (body instanceof MockProblem) return Response.json(body.document, { status: body.document.status });
    return Response.json(body);
  };
}
