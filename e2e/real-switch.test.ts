import { createFlakeFixture, createNixEnv, createTempDir, type FixtureHost } from "@nixfleet/testkit";
import { setUpAdministrator } from "@nixfleet/testkit/api-client";
import { startBrowser, watchPage } from "@nixfleet/testkit/browser";
import { startAgent, startDashboard } from "@nixfleet/testkit/built-programs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

const sshd = { "systemd/system/multi-user.target.wants/sshd.service": "[Service]\n" };
const etc = {
  "ssh/sshd_config": "Port 22\n",
  "ssh/authorized_keys.d/root": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada ada@laptop\n",
};
const web1 = (version: string, more: FixtureHost): { hosts: Record<string, FixtureHost> } => ({
  hosts: { web1: { version, specialisations: { debug: `${version}-debug` }, ...more } },
});

async function startFromMenu(page: Page, label: string): Promise<void> {
  await page.getByRole("button", { name: "All actions" }).click();
  await page.getByRole("menuitem", { name: label, exact: true }).click();
}

test("R17, R83: on a real host: switch, then into its specialisation; a commit that switches sshd off is named, refused, and forced by an explicit choice, and the specialisation stays", async () => {
  await using flake = await createFlakeFixture();
  await flake.commitFlake("web1: begin", web1("1.0", { etc: { ...etc, ...sshd } }));
  await using dashboard = await startDashboard({ NIXFLEET_REPO_URL: flake.url });
  const api = await setUpAdministrator(await dashboard.setupLink(), "ada", "correct horse battery");
  await using dir = await createTempDir("nixfleet-e2e-");
  const nix = await createNixEnv(`${dir.path}/nix`);
  const { token } = await api.call("addHost", { body: { name: "web1", platform: "nixos" } });
  await using _agent = await startAgent(dir, nix, { url: dashboard.origin, token, hostname: "web1", repoUrl: flake.url });
  await using chromium = await startBrowser();
  await using window = await chromium.open();
  const [name = "", value = ""] = api.cookie.split("=");
  await window.context.addCookies([{ name, value, url: dashboard.origin, httpOnly: true, sameSite: "Lax" }]);
  const { page } = window;
  const watched = watchPage(page, dashboard.origin);

  await page.goto(`${dashboard.origin}/hosts/web1`);
  await page.getByText("online", { exact: true }).waitFor();
  await startFromMenu(page, "Switch");
  await page.getByText(/^It runs what [0-9a-f]{7} builds\.$/).waitFor();

  await startFromMenu(page, "Switch");
  const dialog = page.getByRole("dialog", { name: /^Switch web1 to/ });
  await dialog.getByLabel("Specialisation").selectOption("debug");
  await dialog.getByRole("button", { name: "Switch web1" }).click();
  await page.getByText(/^It runs the specialisation debug of what [0-9a-f]{7} builds\.$/).waitFor();

  await flake.commitFlake("web1: no sshd", web1("2.0", { etc }));
  await api.call("refreshTarget", {});
  await startFromMenu(page, "Preview");
  await page.getByText("It keeps the specialisation debug. It takes away 1 way into the host", { exact: false }).waitFor();
  const lost = page.getByRole("region", { name: "The switch takes away ways into web1" });
  expect(await lost.getByRole("listitem").allTextContents()).toEqual(["sshd is switched off."]);

  await startFromMenu(page, "Switch");
  await dialog.getByRole("button", { name: "Switch web1" }).click();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("This can lock somebody out: sshd is switched off.", { exact: false }).first().waitFor();
  const refused = (await api.call("hostRuns", { params: { host: "web1" } })).items[0];
  expect(refused).toMatchObject({ op: "switch", state: "refused" });

  await page.getByRole("link", { name: /^Changes/ }).click();
  await page.getByRole("button", { name: "Switch anyway…" }).click();
  await dialog.getByRole("switch", { name: "Force the run" }).check();
  await dialog.getByRole("button", { name: "Switch web1" }).click();
  await page.getByText(/already runs the previewed closure/).waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText(/^It runs the specialisation debug of what [0-9a-f]{7} builds\.$/).waitFor();
  expect(watched).toEqual({ errors: [], foreignRequests: [] });
});
