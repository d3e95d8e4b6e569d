import { AGENT_LINK_PATH } from "@nixfleet/protocol";
import { type Behaviour, createFlakeFixture, createFleetSimulator, type FleetSimulator, sampleFacts } from "@nixfleet/testkit";
import { setUpAdministrator } from "@nixfleet/testkit/api-client";
import { startBrowser } from "@nixfleet/testkit/browser";
import { startDashboard } from "@nixfleet/testkit/built-programs";
import type { Page } from "playwright-core";
import { coreShare, type Figure, MB, pause, percentile, readProcess } from "./measure.ts";

const HOSTS = 1_000;
const CLICKS = 100;
/** As fast as a person clicks on one row after another. Faster, and a topic's ten deltas a second are spent (docs/decisions/0014). */
const BETWEEN_CLICKS = 500;
const HEARTBEAT = 60_000;

/** Begins at once and then works on, so that its first event is seen on the page. */
const pulling: Behaviour = () => [
  { do: "phase", phase: "fetch" },
  { do: "wait", ms: 2_000 },
];

/** A dashboard with 1,000 hosts that speak the real protocol, alone and before a browser. */
export async function thousandHosts(): Promise<Figure[]> {
  await using flake = await createFlakeFixture();
  const commit = await flake.commitFlake("begin", { hosts: {} });
  await flake.commit("everybody is behind", { "README.md": "next" });
  await using dashboard = await startDashboard({ NIXFLEET_REPO_URL: flake.url, NIXFLEET_FETCH_INTERVAL: "60" });
  const api = await setUpAdministrator(await dashboard.setupLink(), "bench", "correct horse battery");
  const hosts = [];
  for (let number = 0; number < HOSTS; number += 1) {
    const name = `host${String(number).padStart(4, "0")}`;
    const { token } = await api.call("addHost", { body: { name, platform: "nixos" } });
    const facts = sampleFacts(name, { commit, now: Date.now() });
    hosts.push({ name, token, facts, settings: { repoUrl: flake.url } });
  }
  // Measured is the dashboard that has just started, not the one that has hashed and told of a thousand new hosts.
  await dashboard.restart();
  await using fleet = createFleetSimulator({
    url: `${dashboard.origin.replace("http", "ws")}${AGENT_LINK_PATH}`,
    behaviour: pulling,
    hosts,
    startWithin: 5_000,
  });
  fleet.start();
  await fleet.whenConnected();
  const heart = beat(fleet);
  try {
    await pause(15_000);
    const share = await coreShare([dashboard.program.pid], HEARTBEAT);
    const { rss } = await readProcess(dashboard.program.pid);
    const idle: Figure[] = [
      { what: "dashboard, 1,000 idle agents: RSS", value: rss / MB, unit: "MB", bar: 180 },
      {
        what: "dashboard, 1,000 idle agents: CPU",
        value: share * 100,
        unit: "% of a core",
        bar: 3,
        note: `over ${HEARTBEAT / 1000} s, a measurement a minute from each`,
      },
    ];

    await using chromium = await startBrowser();
    await using window = await chromium.open();
    const { context, page } = window;
    const [name = "", value = ""] = api.cookie.split("=");
    await context.addCookies([{ name, value, url: dashboard.origin, httpOnly: true, sameSite: "Lax" }]);
    const weight = await firstLoad(page, dashboard.origin);
    await pause(10_000);
    const pageShare = await rendererShare(chromium.browser, 30_000);
    // By name, a row stays where it is when its status changes.
    await page.goto(`${dashboard.origin}/?sort=name`);
    await page.locator('button[aria-label^="Pull, "]').first().waitFor();
    const clicks = await clickToEvent(page);
    return [
      ...idle,
      {
        what: "click on Pull to the agent's first event on the page, 1,000 hosts: p50",
        value: percentile(clicks, 0.5),
        unit: "ms",
        bar: 60,
        note: `${clicks.length} clicks, two a second`,
      },
      {
        what: "click on Pull to the agent's first event on the page, 1,000 hosts: p99",
        value: percentile(clicks, 0.99),
        unit: "ms",
        bar: 250,
        note: `${clicks.length} clicks, two a second`,
      },
      { what: "page: first load, compressed", value: weight / 1000, unit: "KB", bar: 200 },
      {
        what: "page: Fleet with 1,000 live hosts, its process",
        value: pageShare * 100,
        unit: "% of a core",
        bar: 5,
        note: "over 30 s",
      },
    ];
  } finally {
    heart.stop();
  }
}

/** Sends each host's measurement once a minute, spread evenly, as agents that nobody watches do. */
function beat(fleet: FleetSimulator): { stop(): void } {
  const { hosts } = fleet;
  let next = 0;
  const timer = setInterval(() => {
    const host = hosts[next++ % hosts.length];
    const metrics = {
      at: Date.now(),
      cpu: Math.random(),
      load: Math.random() * 4,
      memory: { used: Math.floor(Math.random() * 2 ** 34), total: 2 ** 34 },
      disks: [{ mount: "/", used: 40 * 2 ** 30, total: 100 * 2 ** 30 }],
    };
    host?.sendRaw(JSON.stringify({ type: "metrics", metrics }));
  }, HEARTBEAT / HOSTS);
  return { stop: () => clearInterval(timer) };
}

/** Opens Fleet for the first time and adds up what went over the wire, WebSocket aside. */
async function firstLoad(page: Page, origin: string): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await page.goto(origin);
  await page.locator('button[aria-label^="Pull, "]').first().waitFor();
  await page.waitForLoadState("networkidle");
  await session.detach();
  return bytes;
}

/** Share of a core that the page's own process uses, drawing included. */
async function rendererShare(
  browser: Awaited<ReturnType<typeof startBrowser>>["browser"],
  milliseconds: number,
): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const pids = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  return coreShare(pids, milliseconds);
}

/** Clicks on Pull of one host after another; milliseconds from the click until the row shows the phase that its agent reported. */
async function clickToEvent(page: Page): Promise<number[]> {
  const times: number[] = [];
  for (let click = 0; click < CLICKS; click += 1) {
    times.push(
      await page.evaluate(async () => {
        const buttons = document.querySelectorAll<HTMLButtonElement>('tbody button[aria-label^="Pull, "]:not([aria-disabled])');
        const button = [...buttons].find((each) => each.getBoundingClientRect().top > 200);
        const name = button?.getAttribute("aria-label")?.replace("Pull, ", "");
        if (button === undefined || name === undefined) throw new Error("No host can be pulled.");
        const row = () =>
          [...document.querySelectorAll("tbody tr")].find((line) => line.querySelector("a")?.textContent === name);
        const began = performance.now();
        button.click();
        return new Promise<number>((resolve, reject) => {
          const limit = setTimeout(() => {
            observer.disconnect();
            reject(
              new Error(`Nothing was seen of a pull in 10 s. The row says: ${row()?.textContent ?? "nothing, it has gone"}`),
            );
          }, 10_000);
          const look = () => {
            if (!row()?.textContent.includes("Fetch")) return;
            observer.disconnect();
            clearTimeout(limit);
            resolve(performance.now() - began);
          };
          const observer = new MutationObserver(look);
          observer.observe(document.body, { subtree: true, childList: true, characterData: true });
          look();
        });
      }),
    );
    // The next host's row comes to where this one was.
    await page.evaluate(() => scrollBy(0, 40));
    await pause(BETWEEN_CLICKS);
  }
  return times;
}
