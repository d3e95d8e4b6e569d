import { FAILURES, isTerminal, REFUSALS, type RunId } from "@nixfleet/protocol";
import { type Behaviour, createHealthyHost, type LockOut, simulatedClosure } from "@nixfleet/testkit";
import { DESK, PHONE, watchPage } from "@nixfleet/testkit/browser";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axeFaults, COLOURS, EVERYTHING, prepareForAxe, smallControls } from "./accessibility.ts";
import { rowOf } from "./fleet-page.ts";
import { type SimulatedStack, startSimulatedStack } from "./simulated-stack.ts";

const GAMING = "gaming";
const QUIET = "quiet-with-a-name-that-is-rather-long";

/** What the next switch takes away, by host. */
const LOCK_OUTS: Record<string, LockOut> = {
  locked: {
    risks: [
      "The key ada@laptop of root is removed.",
      "The agent connects to https://dashboard-of-somebody-else.example.org:8443/a/long/path, and no longer to this dashboard, https://fleet.example.org.",
    ],
    unclear: ["sshd has another AllowGroups: ssh-users. Whom that keeps out cannot be told."],
  },
  unclear: { risks: [], unclear: ["sshd has other rules in Match or Include: whom they keep out cannot be told."] },
};

const healthy = createHealthyHost({ pace: 0.02, lockOut: (host) => LOCK_OUTS[host] });

/** What is new has no specialisation for `leaving`, and no flake.lock for `unlocked` and `removed`. */
const behaviour: Behaviour = (start, host) => {
  const { running } = host.facts;
  if (host.name === "leaving" && running !== undefined) {
    return healthy(start, { ...host, facts: { ...host.facts, running: { ...running, specialisations: [] } } });
  }
  if (host.name !== "unlocked" && host.name !== "removed") return healthy(start, host);
  const { sentence } = FAILURES["lock-missing"];
  return [
    { do: "phase", phase: "evaluate" },
    { do: "finish", outcome: { state: "failed", code: "lock-missing", reason: sentence } },
  ];
};

let stack: SimulatedStack;

beforeAll(async () => {
  stack = await startSimulatedStack({
    hosts: ["plain", "special", "leaving", "locked", "unclear", "unlocked", "removed"],
    behaviour,
    facts: (name) => (name === "unlocked" ? { undoAtBoot: "lost" } : {}),
  });
  const target = await stack.api.call("target", {});
  if (target.state !== "known") throw new Error("The config repository was not read.");
  for (const name of ["plain", "special", "leaving"]) {
    const of = simulatedClosure(target.commit, name);
    const known = { revision: target.commit, specialisations: [GAMING, QUIET] };
    stack.fleet.host(name).change({
      running:
        name === "plain"
          ? { ...known, closure: of }
          : { ...known, closure: `${of}-${GAMING}`, specialisation: { name: GAMING, of } },
    });
  }
});
afterAll(() => stack[Symbol.asyncDispose]());

const open = (page: Page, path: string) => page.goto(`${stack.dashboard.origin}${path}`);
const runsOf = async (host: string) => (await stack.api.call("hostRuns", { params: { host } })).items;
const viewOf = (run: RunId) => stack.api.call("run", { params: { run } });

async function ended(run: RunId) {
  await expect.poll(async () => isTerminal((await viewOf(run)).summary.state), { timeout: 60_000 }).toBe(true);
  return viewOf(run);
}

async function runOn(host: string, op: "preview" | "switch", force = false) {
  const { id } = await stack.api.call("startRun", { params: { host }, body: { op, force } });
  return ended(id);
}

async function startFromMenu(page: Page, label: string): Promise<void> {
  await page.getByRole("button", { name: "All actions" }).click();
  await page.getByRole("menuitem", { name: label, exact: true }).click();
}

/** A commit that every host still has to switch to. */
async function newerTarget(): Promise<void> {
  await stack.flake.commit("everything: a newer version", { "README.md": `${Math.random()}` });
  await stack.api.call("refreshTarget", {});
}

test("R17: a host that runs a specialisation of the target is current, and Fleet and its page say which one", async () => {
  await using window = await stack.window();
  const { page } = window;
  await runOn("special", "switch", true);
  await open(page, "/");
  await rowOf(page, "special").getByText(GAMING, { exact: true }).waitFor();
  expect(await rowOf(page, "plain").getByText(GAMING).count()).toBe(0);
  await open(page, "/hosts/special");
  await page.getByText(new RegExp(`It runs the specialisation ${GAMING} of what [0-9a-f]{7} builds\\.`)).waitFor();
  await page.getByRole("complementary", { name: "Facts" }).getByText(GAMING, { exact: true }).waitFor();
  const { compartments } = (await stack.api.call("host", { params: { host: "special" } })).row;
  expect(compartments.system).toMatchObject({ status: "ok", word: "current" });
});

test("R17: a switch asks which specialisation, by keyboard too; two clicks start one run with the chosen one, which runs then", async () => {
  await newerTarget();
  await using window = await stack.window();
  const { page } = window;
  const watched = watchPage(page, stack.dashboard.origin);
  await open(page, "/hosts/plain");
  await startFromMenu(page, "Switch");
  const dialog = page.getByRole("dialog", { name: /^Switch plain to/ });
  const choice = dialog.getByLabel("Specialisation");
  await choice.waitFor();
  expect(await choice.locator("option").allTextContents()).toEqual(["None, as now", GAMING, QUIET]);
  // From the button, where the dialog begins, back to the choice.
  for (let at = 0; at < 4 && !(await choice.evaluate((element) => element === document.activeElement)); at += 1)
    await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("ArrowDown");
  expect(await choice.inputValue()).toBe(GAMING);
  await dialog.getByText(`It runs until the next boot`, { exact: false }).waitFor();
  expect(await choice.getAttribute("aria-describedby")).not.toBeNull();

  const before = (await runsOf("plain")).length;
  const button = dialog.getByRole("button", { name: "Switch plain" });
  await button.evaluate((element: HTMLElement) => {
    element.click();
    element.click();
  });
  await dialog.waitFor({ state: "detached" });
  await expect.poll(async () => (await runsOf("plain")).length).toBe(before + 1);
  const started = (await runsOf("plain"))[0]?.id as RunId;
  expect((await ended(started)).args).toEqual({ mode: "switch", specialisation: GAMING });
  expect(await runsOf("plain")).toHaveLength(before + 1);
  await page.getByText(new RegExp(`It runs the specialisation ${GAMING} of what`)).waitFor();
  expect(watched).toEqual({ errors: [], foreignRequests: [] });
});

test("R17: that a specialisation is left is said before: by the answer, the preview and a reboot; one that is kept says so", async () => {
  await newerTarget();
  await runOn("leaving", "preview");
  await runOn("special", "preview");
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/leaving/changes");
  await page.getByText(`It leaves the specialisation ${GAMING}, which the new configuration does not have.`).waitFor();
  await page.getByRole("button", { name: "Switch to this, leaving" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(`The new configuration has no specialisation ${GAMING}: the switch leaves it.`).waitFor();
  const options = await dialog.getByLabel("Specialisation").locator("option").allTextContents();
  expect(options).toEqual([`None: ${GAMING} is gone`, QUIET]);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  expect((await runsOf("leaving")).map(({ op }) => op)).toEqual(["preview"]);

  await open(page, "/hosts/special/changes");
  await page.getByText(`It keeps the specialisation ${GAMING}.`).waitFor();
  await page.getByRole("button", { name: "Switch to this, special" }).click();
  await dialog.getByText("It runs until the next boot", { exact: false }).waitFor();
  expect(await dialog.getByText("leaves").count()).toBe(0);
  await dialog.getByLabel("Specialisation").selectOption("None");
  await dialog.getByText(`The switch leaves the specialisation ${GAMING}.`).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();

  await startFromMenu(page, "Reboot…");
  await dialog.getByText(`${GAMING}: the reboot starts the configuration itself`, { exact: false }).waitFor();
});

test("R83: ways in that a switch takes away are listed with what that means; it is started by an explicit choice alone, once", async () => {
  await newerTarget();
  await runOn("locked", "preview");
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/locked/changes");
  const lost = page.getByRole("region", { name: "The switch takes away ways into locked" });
  for (const risk of LOCK_OUTS["locked"]?.risks ?? []) await lost.getByRole("listitem").filter({ hasText: risk }).waitFor();
  await lost.getByText("locked refuses this switch.", { exact: false }).waitFor();
  const unclear = page.getByRole("region", { name: "It cannot be told whether this locks somebody out" });
  expect(await unclear.getByRole("listitem").allTextContents()).toEqual(LOCK_OUTS["locked"]?.unclear);
  await unclear.getByText("does not refuse a switch for this", { exact: false }).waitFor();
  expect(await page.getByRole("button", { name: /^Switch to this/ }).count()).toBe(0);

  await page.getByRole("button", { name: "Switch anyway…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Switch locked to/ });
  await dialog.getByRole("region", { name: "What locked loses" }).getByText("The key ada@laptop of root is removed.").waitFor();
  const force = dialog.getByRole("switch", { name: "Force the run" });
  const button = dialog.getByRole("button", { name: /^Switch locked/ });
  expect([await force.isChecked(), await button.getAttribute("aria-disabled")]).toEqual([false, "true"]);
  expect(await button.textContent()).toContain("Turn on “Force the run” first.");
  const before = (await runsOf("locked")).length;
  await button.click({ force: true });
  await force.press("Enter");
  expect(await dialog.isVisible()).toBe(true);
  expect(await runsOf("locked")).toHaveLength(before);

  await force.press("Space");
  await button.evaluate((element: HTMLElement) => {
    element.click();
    element.click();
  });
  await dialog.waitFor({ state: "detached" });
  await expect.poll(async () => (await runsOf("locked")).length).toBe(before + 1);
  const view = await ended((await runsOf("locked"))[0]?.id as RunId);
  expect(view).toMatchObject({ force: true, summary: { state: "succeeded" } });
  expect(view.warnings).toContain("Forced: The key ada@laptop of root is removed.");
  await page.getByText(/already runs the previewed closure/).waitFor();
  await lost.waitFor({ state: "detached" });
});

test("R83: a refused switch names what it would have taken away, and only its own choice forces it; offline, it can be queued", async () => {
  await newerTarget();
  const refused = await runOn("locked", "switch");
  expect(refused.outcome).toMatchObject({ code: "would-lock-out" });
  await using window = await stack.window();
  const { page } = window;
  // Where it was started from, it is said too, with what leads on.
  await open(page, "/");
  await rowOf(page, "locked").getByText("refused", { exact: true }).waitFor();
  await rowOf(page, "locked").getByRole("button", { name: "Preview, locked" }).waitFor();
  await runOn("locked", "preview");
  await open(page, `/runs/${refused.summary.id}`);
  await page.getByText(REFUSALS["would-lock-out"].sentence).waitFor();
  await page.getByText(REFUSALS["would-lock-out"].next).waitFor();
  expect(await page.getByRole("list", { name: "Phases" }).textContent()).toMatch(/Diffrefused/);
  await page.getByRole("button", { name: "Switch anyway…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Switch locked to/ });
  await dialog.getByRole("region", { name: "Why the host refused it" }).getByText("ada@laptop", { exact: false }).waitFor();
  expect(await dialog.getByRole("switch", { name: "Force the run" }).isChecked()).toBe(false);
  await dialog.getByRole("button", { name: "Cancel" }).click();

  stack.fleet.host("locked").stop();
  await open(page, "/hosts/locked/changes");
  await page.getByRole("button", { name: "Queue anyway…" }).click();
  await dialog.getByText("the run is queued", { exact: false }).waitFor();
  stack.fleet.host("locked").start();
});

test("R83: what only cannot be told hinders no switch, and that nothing is taken away is said", async () => {
  await newerTarget();
  await runOn("unclear", "preview");
  await runOn("plain", "preview");
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/unclear/changes");
  await page.getByRole("region", { name: "It cannot be told whether this locks somebody out" }).waitFor();
  await page.getByRole("button", { name: "Switch to this, unclear" }).waitFor();
  expect(await page.getByRole("button", { name: "Switch anyway…" }).count()).toBe(0);
  await open(page, "/hosts/plain/changes");
  await page.getByText("No known way into the host, such as ssh, is taken away.").waitFor();
});

test("R37, R61: an undo that a reboot would lose, and a flake.lock that nobody committed, are said with what to do", async () => {
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/");
  await rowOf(page, "unlocked").getByText("at risk").waitFor();
  await open(page, "/hosts/unlocked");
  await page.getByText("Move the directory to a disk", { exact: false }).waitFor();
  expect(await page.getByText("nothing undoes a switch", { exact: false }).count()).toBeGreaterThan(0);
  const failed = await runOn("unlocked", "preview");
  await open(page, `/runs/${failed.summary.id}`);
  await page.getByText(FAILURES["lock-missing"].sentence).first().waitFor();
  await page.getByText(FAILURES["lock-missing"].next).waitFor();
});

test("a run of a host that was removed offers no retry, and neither does its page that was open", async () => {
  const failed = await runOn("removed", "preview");
  await using window = await stack.window();
  const { page } = window;
  await open(page, `/runs/${failed.summary.id}`);
  await page.getByRole("button", { name: "Retry" }).waitFor();
  await stack.api.call("removeHost", { params: { host: "removed" } });
  await page.getByRole("button", { name: "Retry" }).waitFor({ state: "detached" });
  await page.reload();
  await page.getByText(FAILURES["lock-missing"].next).waitFor();
  expect(await page.getByRole("button", { name: "Retry" }).count()).toBe(0);
  expect((await viewOf(failed.summary.id)).retry).toBeNull();
});

describe.each([
  ["1440 px", DESK],
  ["375 px", PHONE],
] as const)("%s", (size, options) => {
  test("R60: the dialogs of a switch: axe finds nothing in both themes, nothing is cut off sideways, fingers have 44 px", async () => {
    await newerTarget();
    await runOn("locked", "preview");
    await using window = await stack.window({ ...options, colorScheme: "light" });
    const { page } = window;
    const check = async () => {
      await page.emulateMedia({ colorScheme: "light" });
      await prepareForAxe(page);
      expect(await axeFaults(page, EVERYTHING)).toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      expect(await axeFaults(page, COLOURS)).toEqual([]);
      const cut = await page
        .getByRole("dialog")
        .evaluate((dialog) => [dialog.scrollWidth > dialog.clientWidth, dialog.getBoundingClientRect().right > innerWidth]);
      expect(cut).toEqual([false, false]);
      if (size === "375 px") expect(await smallControls(page)).toEqual([]);
    };
    await open(page, "/hosts/locked/changes");
    await page.getByRole("button", { name: "Switch anyway…" }).click();
    await page.getByRole("dialog").waitFor();
    await check();
    await open(page, "/hosts/special");
    await startFromMenu(page, "Switch");
    await page.getByLabel("Specialisation").selectOption("None");
    await check();
  });
});
