import { FAILURES, type Facts, isTerminal, TOPICS, ToBrowser, topicValueSchema } from "@nixfleet/protocol";
import { type Behaviour, createHealthyHost, type Step } from "@nixfleet/testkit";
import { signIn } from "@nixfleet/testkit/api-client";
import { DESK, PHONE, watchPage } from "@nixfleet/testkit/browser";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axeFaults, COLOURS, EVERYTHING, prepareForAxe, smallControls } from "./accessibility.ts";
import { inRow, rowOf } from "./fleet-page.ts";
import { type SimulatedStack, startSimulatedStack } from "./simulated-stack.ts";

const plainHostile = `<img src=x onerror="document.title='owned'">`;
const hostile = `<img src=x onerror="document.title='owned'">\u001b[31m`;

/** Says hostile things; a switch fails, as does a preview but on gamma, tests talk until they are cancelled. */
const talkative: Behaviour = (start, host) => {
  const { name } = host;
  if (start.op === "preview" && name === "gamma") return hostilePreview(start, host);
  const begin: Step[] = [
    { do: "phase", phase: "build" },
    { do: "log", lines: 40, stream: "build", text: (n) => `${name}> line ${n} ${hostile}` },
  ];
  if (start.op !== "switch" && start.op !== "preview")
    return [...begin, { do: "log", lines: start.op === "test" ? 10_000_000 : 4000, perSecond: 400, stream: "test" }];
  const firstError = "error: builder for nginx failed";
  return [
    ...begin,
    { do: "event", event: { kind: "log", lines: [{ at: Date.now(), stream: "nix", text: firstError, level: "error" }] } },
    { do: "finish", outcome: { state: "failed", code: "build-failed", reason: "The builder of nginx failed.", firstError } },
  ];
};

const HOSTILE_EFFECTS = {
  lockOut: { risks: [plainHostile, "n".repeat(200)], unclear: [plainHostile, "n".repeat(200)] },
  specialisation: { running: "n".repeat(100), next: null },
};

/** What a healthy host shows, with hostile names, all kinds of units and a reboot. */
const hostilePreview: Behaviour = (start, host) => {
  const script = createHealthyHost({ pace: 0 })(start, host);
  if ("refuse" in script) return script;
  return script.map((step) => {
    if (step.do !== "event") return step;
    if (step.event.kind === "diff") {
      const { diff } = step.event;
      const removed = [{ name: plainHostile, versions: [plainHostile], size: 4_000_000 }];
      return { do: "event", event: { kind: "diff", diff: { ...diff, removed } } };
    }
    if (step.event.kind !== "preview") return step;
    const units = { stop: [plainHostile], start: ["a.service"], restart: ["nginx.service"], reload: ["dbus.service"] };
    const reboot = { needed: true, reasons: [plainHostile] };
    return {
      do: "event",
      event: { kind: "preview", preview: { ...step.event.preview, ...HOSTILE_EFFECTS, units, reboot, agent: "missing" } },
    };
  });
};

let stack: SimulatedStack;
/** One that is newer than what runs, and one that was collected. */
const GENERATIONS: Facts["generations"] = [
  { number: 2, at: 2e12, closure: `/nix/store/${"c".repeat(32)}-nixos-system-gamma`, current: true },
  {
    number: 1,
    at: 1e12,
    closure: `/nix/store/${"b".repeat(32)}-nixos-system-gamma`,
    commit: "a".repeat(40),
    current: false,
  },
  { number: 0, at: 1e11, current: false },
];

/** A run that compared two generations. */
let comparison = "";
/** A run that has ended, with a log that has errors. */
let failedRun = "";

beforeAll(async () => {
  stack = await startSimulatedStack({
    hosts: ["alpha", "beta", "gamma", "delta"],
    facts: (name) => {
      if (name === "delta") return { os: { name: hostile, version: hostile }, failedUnits: [hostile] };
      if (name === "beta") return { undoAtBoot: "lost" };
      if (name !== "gamma") return {};
      const specialisation = { name: "n".repeat(100), of: `/nix/store/${"c".repeat(32)}-nixos-system-gamma` };
      const running = { closure: `/nix/store/${"d".repeat(32)}-nixos-system-gamma`, specialisation, specialisations: ["a"] };
      return { generations: GENERATIONS, running };
    },
    behaviour: talkative,
  });
  await stack.flake.commit(`web: ${hostile}`, { "README.md": "next" });
  await stack.api.call("refreshTarget", {});
  const run = await stack.api.call("startRun", { params: { host: "beta" }, body: { op: "switch" } });
  failedRun = run.id;
  await ended(run.id);
  await ended((await stack.api.call("startRun", { params: { host: "beta" }, body: { op: "preview" } })).id);
  await ended((await stack.api.call("startRun", { params: { host: "gamma" }, body: { op: "preview" } })).id);
  const args = { generation: 1, against: 2 };
  const compared = await stack.api.call("startRun", { params: { host: "gamma" }, body: { op: "preview", args } });
  comparison = compared.id;
  await ended(comparison);
});

async function ended(run: string): Promise<void> {
  for (;;) {
    const { summary } = await stack.api.call("run", { params: { run: run } });
    if (isTerminal(summary.state)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
afterAll(() => stack[Symbol.asyncDispose]());

const PAGES: readonly (readonly [name: string, path: () => string])[] = [
  ["Fleet", () => "/"],
  ["Host", () => "/hosts/beta"],
  ["Host with hostile facts", () => "/hosts/delta"],
  ["Runs of a host", () => "/hosts/beta/runs"],
  ["Changes of a host", () => "/hosts/gamma/changes"],
  ["Changes, the preview failed", () => "/hosts/beta/changes"],
  ["Changes, none yet", () => "/hosts/delta/changes"],
  ["Generations of a host", () => "/hosts/gamma/generations"],
  ["A comparison of generations", () => `/hosts/gamma/generations?compare=${comparison}`],
  ["A preview's run", () => `/runs/${comparison}`],
  ["Run", () => `/runs/${failedRun}`],
  ["Add host", () => "/add-host"],
  ["Activity", () => "/activity"],
  ["Account", () => "/account"],
];

/** Opens a page of the dashboard and waits until it has said what it has to say. */
async function visit(page: Page, path: string): Promise<void> {
  await page.goto(`${stack.dashboard.origin}${path}`);
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector('[role="status"][aria-label^="Loading"]') === null);
}

describe.each([
  ["1440 px", DESK],
  ["375 px", PHONE],
] as const)("%s", (size, options) => {
  // One window for all pages: a new one compiles the page's code anew each time.
  let window: Awaited<ReturnType<typeof stack.window>>;
  let watched: ReturnType<typeof watchPage>;
  let contract: ReturnType<typeof watchLiveValues>;
  beforeAll(async () => {
    window = await stack.window(options);
    watched = watchPage(window.page, stack.dashboard.origin);
    contract = watchLiveValues(window.page);
  });
  afterAll(() => window[Symbol.asyncDispose]());

  for (const [index, [name, path]] of PAGES.entries()) {
    const [first, second] = index % 2 === 0 ? (["light", "dark"] as const) : (["dark", "light"] as const);
    test(`R50, R60: the page “${name}”: axe finds nothing in both themes, nothing is cut off sideways, fingers have 44 px, nothing hostile acts, no request leaves`, async () => {
      const { page } = window;
      await page.emulateMedia({ colorScheme: first });
      await visit(page, path());
      expect([await page.title(), await page.locator("img[src=x]").count()]).toEqual([expect.not.stringMatching("owned"), 0]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(options.viewport.width);
      // Fingers come to small screens.
      if (size === "375 px") expect(await smallControls(page)).toEqual([]);
      await prepareForAxe(page);
      expect(await axeFaults(page, EVERYTHING)).toEqual([]);
      await page.emulateMedia({ colorScheme: second });
      expect(await axeFaults(page, COLOURS)).toEqual([]);
      expect(watched).toEqual({ errors: [], foreignRequests: [] });
    });
  }

  test("R60: a page that waits for its data is no wider than the window", async () => {
    await using waiting = await stack.window(options);
    const { page } = waiting;
    // The link opens and brings nothing.
    await page.routeWebSocket(/\/live$/, () => {});
    for (const path of ["/", "/hosts/beta", `/runs/${failedRun}`]) {
      await page.goto(`${stack.dashboard.origin}${path}`);
      await page.locator('[role="status"][aria-label^="Loading"]').waitFor();
      // A phone's window grows with what is too wide for it.
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBe(options.viewport.width);
    }
  });

  test("what the live link brought to these pages is what the contract says, key by key", () => {
    expect(contract.faults).toEqual([]);
    const keys = Object.entries(TOPICS).flatMap(([topic, { values }]) => Object.keys(values).map((key) => `${topic} ${key}`));
    // Nothing runs while these pages are visited.
    expect([...contract.seen].sort()).toEqual(keys.filter((key) => key !== "fleet run").sort());
  });
});

/** Holds every value that arrives over the live link against its schema. The page itself takes the dashboard at its word. */
function watchLiveValues(page: Page) {
  const faults: string[] = [];
  const seen = new Set<string>();
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => {
      const message = ToBrowser.parse(JSON.parse(String(payload)));
      if (message.type !== "snapshot" && message.type !== "delta") return;
      const { topic } = message;
      for (const [key, value] of Object.entries(message.type === "snapshot" ? message.values : message.set)) {
        const parsed = topicValueSchema(topic, key)?.safeParse(value);
        if (parsed?.success) seen.add(`${topic.replace(/:.*/, "")} ${key.replace(/:.*/, "")}`);
        else faults.push(`${topic} ${key}: ${parsed ? parsed.error.message : "is no key of this topic"}`);
      }
    }),
  );
  return { faults, seen };
}

test("R50, R54: what hosts and commits say is shown as text, and the policy forbids inline script", async () => {
  await using window = await stack.window();
  const { page } = window;
  await visit(page, `/runs/${failedRun}`);
  await page.getByText("<img src=x").first().waitFor();
  expect(await page.title()).not.toBe("owned");
  const policy = (await page.request.get(stack.dashboard.origin)).headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe-inline");
});

test("R25: a host that is added, renamed and removed, a moved target and a lost host change on the open page", async () => {
  await using window = await stack.window();
  const { page } = window;
  await visit(page, "/");
  await page.evaluate(() => {
    (globalThis as { never?: string }).never = "reloaded";
  });
  const { host } = await stack.api.call("addHost", { body: { name: "epsilon", platform: "nixos" } });
  await rowOf(page, "epsilon").waitFor();
  await stack.api.call("changeHost", { params: { host: host.row.id }, body: { name: "zeta" } });
  await rowOf(page, "zeta").waitFor();
  await stack.api.call("removeHost", { params: { host: host.row.id } });
  await rowOf(page, "zeta").waitFor({ state: "detached" });
  await stack.flake.commit("alpha: move the target", { "README.md": `${Date.now()}` });
  await page.getByText("alpha: move the target").first().waitFor();
  stack.fleet.host("gamma").dropLink(2000);
  await rowOf(page, "gamma").getByText(/stale/).waitFor();
  await rowOf(page, "gamma").getByText("online").waitFor();
  expect(await page.evaluate(() => (globalThis as { never?: string }).never)).toBe("reloaded");
});

test("R59: bounding boxes hold still through sixty heartbeats of every host", async () => {
  await using window = await stack.window();
  const { page } = window;
  await visit(page, "/");
  await inRow(page, "alpha", "Agent", "current");
  const boxes = () =>
    page.evaluate(() =>
      // What is in a cell as well: there are the numbers and bars that a heartbeat draws anew.
      [...document.querySelectorAll("h1, h2, tr, td, td span, th, button, nav, aside")].map((element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return `${element.tagName} ${x} ${y} ${width} ${height}`;
      }),
    );
  const before = await boxes();
  for (let beat = 1; beat <= 60; beat += 1) {
    for (const host of stack.fleet.hosts) {
      host.sendRaw(
        JSON.stringify({
          type: "metrics",
          metrics: {
            at: Date.now(),
            cpu: (beat % 10) / 10,
            load: (beat * 7) % 23,
            memory: { used: beat * 10, total: 600 },
            disks: [{ mount: "/", used: beat, total: 100 }],
          },
        }),
      );
    }
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  }
  // The last heartbeat has arrived and is drawn.
  await rowOf(page, "alpha")
    .getByText(/100\s%/)
    .waitFor();
  expect(await boxes()).toEqual(before);
});

test("R61: no host matches a filter, an ended session and a dashboard that is away are said", async () => {
  await using window = await stack.window();
  const { page } = window;
  await visit(page, "/");
  await page.keyboard.press("/");
  await page.keyboard.type("tag:nothing-has-this");
  await page.getByText("No matching hosts").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await rowOf(page, "alpha").waitFor();
  await stack.dashboard.restart("SIGKILL", () =>
    page
      .getByText(/Reconnecting in \d/)
      .first()
      .waitFor(),
  );
  await page.getByText("Live", { exact: true }).first().waitFor();
  await stack.fleet.whenConnected();

  const { items } = await stack.api.call("sessions", {});
  expect(items.length).toBeGreaterThan(0);
  await page.context().clearCookies();
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});

test("R61: a failed run says its first error line and the next step, and an open page whose session was ended says so", async () => {
  const { origin } = stack.dashboard;
  // A session of its own: the other windows share the one of the client.
  const guest = await signIn(origin, "ada", "correct horse battery");
  await using window = await stack.window();
  const { page } = window;
  const [name = "", value = ""] = guest.cookie.split("=");
  await page.context().addCookies([{ name, value, url: origin, httpOnly: true, sameSite: "Lax" }]);
  await visit(page, `/runs/${failedRun}`);
  const notice = await page.getByRole("alert").first().textContent();
  expect(notice).toContain("error: builder for nginx failed");
  expect(notice).toContain(FAILURES["build-failed"].next);
  await page.getByText("Live", { exact: true }).first().waitFor();
  const { items } = await guest.call("sessions", {});
  const own = items.find(({ current }) => current);
  await stack.api.call("endSession", { params: { session: own?.id ?? "" } });
  await page.getByText("Your session has ended.").waitFor();
});

test("R44, R62: a reload in mid-run shows the log from line 1; a reader who scrolled up stays there while lines arrive, and one button returns to the end", async () => {
  await using window = await stack.window();
  const { page } = window;
  const run = await stack.api.call("startRun", { params: { host: "alpha" }, body: { op: "test" } });
  await visit(page, `/runs/${run.id}`);
  const log = page.getByRole("region", { name: "Lines of the log" });
  await log.locator("[data-line]").nth(15).waitFor();
  // More than comes with the live link by itself: the beginning must be read anew.
  await page.waitForFunction(() => (document.querySelector('[aria-label="Lines of the log"]')?.scrollHeight ?? 0) > 14_000);
  await page.reload();
  await log.locator("[data-line]").nth(15).waitFor();
  await page.waitForFunction(() => (document.querySelector('[aria-label="Lines of the log"]')?.scrollHeight ?? 0) > 3000);
  await log.hover();
  await page.mouse.wheel(0, -200);
  await page.getByText("Not following").waitFor();
  // Further than any log of this test is long: how many lines came meanwhile is up to the machine.
  await page.mouse.wheel(0, -1_000_000_000);
  await log.locator('[data-line="1"]', { hasText: "alpha> line 1 " }).waitFor();
  const first = () => log.locator('[data-line="1"]').boundingBox();
  const before = await first();
  const newLines = page.getByRole("button", { name: /new line/ });
  await newLines.waitFor();
  const count = async () => Number(/[\d,]+/.exec((await newLines.textContent()) ?? "")?.[0].replace(",", ""));
  const seen = await count();
  await page.waitForFunction(
    (least) => Number(/([\d,]+) new line/.exec(document.body.textContent)?.[1]?.replace(",", "")) > least,
    seen + 100,
  );
  expect(await first()).toEqual(before);
  await newLines.click();
  await page.getByText("Not following").waitFor({ state: "detached" });
  await page.waitForFunction(() => {
    const box = document.querySelector('[aria-label="Lines of the log"]');
    return box !== null && box.scrollHeight - box.clientHeight - box.scrollTop < 24;
  });
  await stack.api.call("cancelRun", { params: { run: run.id } });
});

test("R60: by keyboard alone: search, move, select, open, and the ops of a host", async () => {
  await using window = await stack.window();
  const { page } = window;
  await visit(page, "/");
  await rowOf(page, "alpha").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("1 host selected").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/hosts\//);
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").waitFor();
  await page.keyboard.type("activity");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Activity" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/activity");
});
