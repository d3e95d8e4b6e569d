import { createFlakeFixture, createNixEnv, createTempDir } from "@nixfleet/testkit";
import { startBrowser, watchPage } from "@nixfleet/testkit/browser";
import { startAgent, startDashboard } from "@nixfleet/testkit/built-programs";
import { expect, test } from "vitest";
import { inRow, rowOf } from "./fleet-page.ts";

const passing = "#!/bin/sh\necho it answers\n";

/** A host whose closure takes some visible seconds to build. */
const web1 = (more: object = {}) => ({
  hosts: {
    web1: { packages: 4, secondsPerPackage: 0.6, tests: { "T01-answers.sh": passing, "T02-serves.sh": passing }, ...more },
  },
});

test("R16, R25: from first start to all green in the browser: setup, add host, agent connects, commit, pull, switch, test; then a failing build, and a cancelled one", async () => {
  await using flake = await createFlakeFixture();
  await flake.commitFlake("web1: begin", web1());
  await using dashboard = await startDashboard({ NIXFLEET_REPO_URL: flake.url });
  await using dir = await createTempDir("nixfleet-e2e-");
  const nix = await createNixEnv(`${dir.path}/nix`);
  await using chromium = await startBrowser();
  await using window = await chromium.open();
  const { page } = window;
  const watched = watchPage(page, dashboard.origin);

  // First start: the one-time link makes the administrator, who lands in an empty fleet.
  await page.goto(await dashboard.setupLink());
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByLabel("Confirm password").fill("correct horse battery");
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.getByText("No hosts yet").waitFor();

  // Add host: name, platform, then the token that is shown this once.
  await page.getByRole("link", { name: "Add host" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("web1");
  await page.getByRole("button", { name: "Add web1" }).click();
  await page.getByRole("button", { name: "Show" }).click();
  const token = /nf_web1_[\w-]{43}/.exec((await page.locator("body").textContent()) ?? "")?.[0] ?? "";
  expect(token).not.toBe("");

  // The agent's first word turns the page by itself.
  await using agent = await startAgent(dir, nix, { url: dashboard.origin, token, hostname: "web1", repoUrl: flake.url });
  await page.getByRole("link", { name: "Open web1" }).waitFor();
  await page.getByRole("link", { name: "Fleet" }).first().click();
  await rowOf(page, "web1").waitFor();

  // Pull, switch, test: each button appears when the one before it has done its work.
  await page.getByRole("button", { name: "Pull, web1" }).first().click();
  await inRow(page, "web1", "Git", "at target");
  await page.getByRole("button", { name: "Switch, web1" }).first().click();
  await rowOf(page, "web1")
    .getByText(/Build \d+/)
    .waitFor();
  await inRow(page, "web1", "System", "current");
  await page.getByRole("button", { name: "Run tests, web1" }).first().click();
  await inRow(page, "web1", "Tests", "2 passed");
  await page.getByText("All 1 current").waitFor();

  // A commit is pushed: the host falls behind before one's eyes.
  await flake.commitFlake("web1: next version", web1({ version: "1.1" }));
  await inRow(page, "web1", "Git", "1 behind");
  await page.getByRole("button", { name: "Pull, web1" }).first().click();
  await inRow(page, "web1", "System", "not switched");
  await page.getByRole("button", { name: "Switch, web1" }).first().click();

  // The run's own page: live progress, then its log from line 1, also after a reload in the middle (R44).
  await page
    .getByRole("link", { name: /Open run/ })
    .first()
    .click();
  await page.getByText(/Building now/).waitFor();
  await page.reload();
  await page
    .getByText(/succeeded/)
    .first()
    .waitFor();
  await page.getByRole("link", { name: "Fleet" }).first().click();
  await page.getByRole("button", { name: "Run tests, web1" }).first().click();
  await page.getByText("All 1 current").waitFor();

  // A build that fails: what runs stays, and the page says which line was first.
  await flake.commitFlake("web1: break a package", web1({ version: "1.2", failingPackage: 2 }));
  await page.getByRole("button", { name: "Pull, web1" }).first().click();
  await page.getByRole("button", { name: "Switch, web1" }).first().click();
  await inRow(page, "web1", "System", "failed");
  await page.getByRole("link", { name: "web1" }).first().click();
  await page
    .getByText(/builder.*failed|failed with exit code/)
    .first()
    .waitFor();

  // A cancelled one: the host takes the next run at once.
  await flake.commitFlake("web1: a long build", web1({ version: "1.3", packages: 30 }));
  await page.getByRole("link", { name: "Fleet" }).first().click();
  await page.getByRole("button", { name: "Pull, web1" }).first().click();
  await inRow(page, "web1", "Git", "at target");
  await page
    .getByRole("button", { name: /(Switch|Retry), web1/ })
    .first()
    .click();
  await rowOf(page, "web1").getByText(/Build/).waitFor();
  await page
    .getByRole("link", { name: /Open run/ })
    .first()
    .click();
  await page.getByRole("button", { name: /Cancel run/ }).click();
  await page.getByText("cancelled", { exact: true }).first().waitFor();
  expect(agent.program.output()).not.toContain(token);
  expect(watched.errors).toEqual([]);
  expect(watched.foreignRequests).toEqual([]);
});
