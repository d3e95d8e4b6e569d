import { OpName, type RunId, RunSummary, skippedByForce } from "@nixfleet/protocol";
import { type Behaviour, createHealthyHost, simulatedClosure } from "@nixfleet/testkit";
import { watchPage } from "@nixfleet/testkit/browser";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedStack, startSimulatedStack } from "./simulated-stack.ts";

const PASSWORD = "correct horse battery";

/** Ends the wait of gamma's switch, which is armed and not confirmed. */
const undone = Promise.withResolvers<void>();
const BACK = `/nix/store/${"b".repeat(32)}-nixos-system-gamma-before`;
const UNTIL = Date.now() + 3_600_000;

/** Gamma's switch arms and waits, then goes back; everything else does what it is told. */
const behaviour: Behaviour = (start, host) => {
  if (host.name !== "gamma" || start.op !== "switch") return createHealthyHost({ pace: 0.05 })(start, host);
  return [
    { do: "phase", phase: "activate" },
    { do: "event", event: { kind: "armed", until: UNTIL, back: BACK } },
    { do: "phase", phase: "confirm" },
    { do: "until", resolved: undone.promise },
    { do: "phase", phase: "undo" },
    { do: "facts", facts: { deadman: null } },
    {
      do: "finish",
      outcome: { state: "rolled-back", code: "not-confirmed", reason: "The dashboard did not confirm it in time." },
    },
  ];
};

let stack: SimulatedStack;

beforeAll(async () => {
  stack = await startSimulatedStack({
    hosts: ["alpha", "beta", "gamma", "delta"],
    behaviour,
    policies: {
      delta: {
        allowedOps: OpName.options.filter((op) => op !== "rollback" && op !== "reboot"),
        allowRewind: false,
        signed: true,
        confirmTimeout: 0,
      },
    },
  });
});
afterAll(async () => {
  undone.resolve();
  await stack[Symbol.asyncDispose]();
});

const open = (page: Page, path: string) => page.goto(`${stack.dashboard.origin}${path}`);
const runsOf = async (host: string) => (await stack.api.call("hostRuns", { params: { host } })).items;

async function startFromMenu(page: Page, label: string): Promise<void> {
  await page.getByRole("button", { name: "All actions" }).click();
  await page.getByRole("menuitem", { name: label, exact: true }).click();
}

test("preview, see what would change, switch to exactly that, compare two generations and roll back, each on the page that shows it", async () => {
  const target = await stack.api.call("target", {});
  if (target.state !== "known") throw new Error("The config repository was not read.");
  // What runs names its commit, so that those between it and the target are known.
  stack.fleet.host("alpha").change({ running: { closure: simulatedClosure(target.commit, "alpha"), revision: target.commit } });
  const commit = await stack.flake.commit("alpha: a newer nginx", { "README.md": "next" });
  await stack.api.call("refreshTarget", {});
  await using window = await stack.window();
  const { page } = window;
  const watched = watchPage(page, stack.dashboard.origin);

  // Nothing was looked at yet: the page says so, and has the button.
  await open(page, "/hosts/alpha/changes");
  await page.getByText("No preview yet").waitFor();
  await page.getByRole("button", { name: "Preview, alpha" }).waitFor();

  // From the menu, wherever that is, a preview leads to what it shows.
  await open(page, "/hosts/alpha");
  await startFromMenu(page, "Preview");
  await page.waitForURL(/\/hosts\/alpha\/changes$/);
  await page.getByText(/A switch to .* changes 1 package, adds 1 package/).waitFor();
  const packages = page.getByRole("region", { name: "Packages" });
  const names = () => packages.locator("li code:first-child").filter({ hasText: /nginx|ripgrep/ });
  expect((await names().allTextContents()).filter(Boolean)).toEqual(["ripgrep", "nginx"]);
  expect(await packages.textContent()).toMatch(/1\.28\.0to1\.28\.1/);
  await page.getByRole("region", { name: "Units" }).getByText("nginx.service").waitFor();
  await page.getByText("alpha: a newer nginx").waitFor();
  await page.getByRole("button", { name: "Added 1" }).click();
  await packages.getByText("nginx").waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^All 2$/ }).click();

  // The switch is bound to the commit and the closure that were shown.
  await page.getByRole("button", { name: "Switch to this, alpha" }).click();
  await page.getByText(/The host already runs the previewed closure/).waitFor();
  const switched = (await runsOf("alpha")).find(({ op }) => op === "switch");
  const { args } = await stack.api.call("run", { params: { run: switched?.id as RunId } });
  expect(args).toEqual({ mode: "switch", commit, closure: simulatedClosure(commit, "alpha") });

  // Two generations now: the newer against the older one.
  await page.getByRole("link", { name: /^Generations/ }).click();
  await page.getByRole("checkbox", { name: "Compare generation 2" }).check();
  await page.getByRole("checkbox", { name: "Compare generation 1" }).check();
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await page.getByRole("heading", { name: "From generation 1 to 2" }).waitFor();
  await packages.getByText("ripgrep").waitFor();
  await page.reload();
  await packages.getByText("ripgrep").waitFor();
  await page.getByRole("link", { name: "Close comparison" }).click();
  await packages.waitFor({ state: "detached" });

  // Back to the first one: asked about by name, and nothing happens before the answer.
  const before = (await runsOf("alpha")).length;
  await page.getByRole("button", { name: "Roll back to 1…" }).click();
  const dialog = page.getByRole("dialog");
  expect(await dialog.textContent()).toMatch(/Roll alpha back to generation 1\?.*Runninggeneration 2.*dead-man switch.*2\smin/);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  expect(await runsOf("alpha")).toHaveLength(before);
  await page.getByRole("button", { name: "Roll back to 1…" }).click();
  await dialog.getByRole("button", { name: "Roll back alpha" }).click();
  await page.getByRole("listitem").filter({ hasText: "Generation 1" }).getByText("running", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Roll back to 2…" }).waitFor();
  expect((await runsOf("alpha"))[0]).toMatchObject({ op: "rollback", state: "succeeded" });
  expect(watched.errors).toEqual([]);
});

test("R49: a reboot wants the password in its dialog: a wrong one starts nothing and is said there, the right one reboots", async () => {
  await using window = await stack.window();
  const { page } = window;
  const reboots = async () => (await runsOf("beta")).filter(({ op }) => op === "reboot");
  await open(page, "/hosts/beta");
  await startFromMenu(page, "Reboot…");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password").fill("not the password");
  await dialog.getByRole("button", { name: "Reboot beta" }).click();
  await dialog.getByRole("alert").filter({ hasText: "The password is wrong." }).waitFor();
  expect(await reboots()).toEqual([]);
  await dialog.getByLabel("Your password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  const [run] = await reboots();
  await open(page, `/runs/${run?.id}`);
  await page.getByText("The host is back after the reboot.").waitFor();
});

test("what an op asks stands in its dialog: how long generations stay, and a number that does not fit starts nothing", async () => {
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/beta");
  await startFromMenu(page, "Collect garbage…");
  const dialog = page.getByRole("dialog");
  const days = dialog.getByLabel(/Keep generations newer than/);
  expect(await days.inputValue()).toBe("30");
  await days.fill("many");
  await dialog.getByRole("button", { name: "Collect garbage on beta" }).click();
  await dialog.getByRole("alert").waitFor();
  await days.fill("7");
  await dialog.getByRole("button", { name: "Collect garbage on beta" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Collect garbage", exact: false }).first().click();
  await page.getByText("2.1 GiB are free that were not before.").waitFor();
  const [run] = (await runsOf("beta")).filter(({ op }) => op === "collect-garbage");
  expect((await stack.api.call("run", { params: { run: run?.id as RunId } })).args).toEqual({ keepDays: 7 });
});

test("R37: an armed dead-man switch counts down on the run's and the host's page, and what was undone says so", async () => {
  const run = await stack.api.call("startRun", { params: { host: "gamma" }, body: { op: "switch", force: true } });
  stack.fleet.host("gamma").change({ deadman: { runId: run.id, until: UNTIL, back: BACK } });
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/gamma");
  const armed = page.getByRole("region", { name: "Dead-man switch" });
  await armed.getByText(/Waiting for confirmation until \d\d:\d\d:\d\d \(\d+\smin \d\d\ss\)/).waitFor();
  expect(await armed.textContent()).toContain("Otherwise the host rolls back to nixos-system-gamma-before.");
  await armed.getByRole("link", { name: "Open run" }).click();
  await page.waitForURL(new RegExp(run.id));
  await armed.getByText(/Waiting for confirmation until/).waitFor();
  undone.resolve();
  await armed.waitFor({ state: "detached" });
  await page
    .getByText(/was undone\. The dashboard did not confirm it in time\. The host is back on the previous system/)
    .waitFor();
  const phases = await page.getByRole("list", { name: "Phases" }).textContent();
  expect(phases).toMatch(/Confirmfailed/);
  expect(phases).toMatch(/Undo(?!failed)/);
});

test("R56: what a host will not do is said on its page and in its menu, and no menu rolls back", async () => {
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/delta");
  const facts = page.getByRole("complementary", { name: "Facts" });
  await facts.getByText("everything except roll back and reboot").waitFor();
  await facts.getByText("signed commits only").waitFor();
  await facts.getByText("off: no automatic rollback").waitFor();
  await page.getByRole("button", { name: "All actions" }).click();
  const reboot = page.getByRole("menuitem", { name: /^Reboot…/ });
  expect(await reboot.getAttribute("aria-disabled")).toBe("true");
  expect(await reboot.textContent()).toContain("does not allow this op");
  expect(await page.getByRole("menuitem", { name: /^Roll back/ }).count()).toBe(0);
});

test("R49: too many wrong passwords are said in the dialog, which then says how long to wait", async () => {
  await using window = await stack.window();
  const { page } = window;
  await open(page, "/hosts/beta");
  await startFromMenu(page, "Reboot…");
  const dialog = page.getByRole("dialog");
  const wait = dialog.getByRole("button", { name: /^Wait \d+\ss/ });
  // How many are too many is the dashboard's to know.
  for (let attempt = 1; attempt <= 20 && (await wait.count()) === 0; attempt += 1) {
    await dialog.getByLabel("Your password").fill(`wrong ${attempt}`);
    await dialog.getByRole("button", { name: "Reboot beta" }).click();
    await page.waitForFunction(() => document.querySelector('[role="dialog"] [aria-busy="true"]') === null);
  }
  await wait.waitFor();
  expect(await dialog.getByRole("alert").textContent()).toContain("Too many attempts");
});

test("a switch to what runs is refused; the refusal offers to force it, the dialog names what is skipped, and the run is forced", async () => {
  const { id } = await stack.api.call("startRun", { params: { host: "beta" }, body: { op: "switch", force: true } });
  await using window = await stack.window();
  const { page } = window;
  const watched = watchPage(page, stack.dashboard.origin);
  await open(page, `/runs/${id}`);
  await page.getByText("Succeeded").first().waitFor();
  await open(page, "/hosts/beta");
  await startFromMenu(page, "Switch");
  await page.getByText("Switch on beta was not started").waitFor();
  // The page that was refused logs the answer's status.
  expect(watched.errors.splice(0)).toEqual([expect.stringContaining("409")]);

  await page.getByRole("button", { name: "Force…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Switch beta to/ });
  for (const { check } of skippedByForce("switch")) await dialog.getByText(`${check}.`).waitFor();
  // Whoever came from the refusal wants it; off, it would be refused again.
  const force = dialog.getByRole("switch", { name: "Force the run" });
  expect(await force.isChecked()).toBe(true);
  await force.press("Space");
  expect(await force.isChecked()).toBe(false);
  await force.press("Space");
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await dialog.getByRole("button", { name: "Switch beta" }).click();
  const forced = RunSummary.parse(await (await answer).json());
  expect((await stack.api.call("run", { params: { run: forced.id } })).force).toBe(true);
  expect(watched).toEqual({ errors: [], foreignRequests: [] });

  // Several hosts: the same dialog, with the switch off until it is wanted.
  await open(page, "/");
  for (const host of ["alpha", "beta"]) await page.getByRole("checkbox", { name: `Select ${host}` }).check();
  await page.getByRole("button", { name: "Switch…" }).click();
  const several = page.getByRole("dialog", { name: /^Switch 2 hosts to/ });
  expect(await several.getByRole("switch", { name: "Force the run" }).isChecked()).toBe(false);
});

test("R1: a click whose answer is lost is sent again by the page and starts one run", async () => {
  await using window = await stack.window();
  const { page } = window;
  const keys: (string | undefined)[] = [];
  await page.route("**/api/v1/hosts/*/runs", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort("connectionreset");
  });
  const started = async () => (await runsOf("delta")).filter(({ op }) => op === "pull");
  const before = (await started()).length;
  await open(page, "/hosts/delta");
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await startFromMenu(page, "Pull");
  expect((await answer).ok()).toBe(true);
  expect(keys).toEqual([keys[0], keys[0]]);
  expect(await started()).toHaveLength(before + 1);
});
