import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_LINK_PATH, type Facts, type HostPolicy } from "@nixfleet/protocol";
import {
  type Behaviour,
  createFlakeFixture,
  createFleetSimulator,
  createHealthyHost,
  type FlakeFixture,
  type FleetSimulator,
  sampleFacts,
} from "@nixfleet/testkit";
import { type ApiClient, setUpAdministrator } from "@nixfleet/testkit/api-client";
import { startBrowser } from "@nixfleet/testkit/browser";
import { type Dashboard, startDashboard } from "@nixfleet/testkit/built-programs";

export interface SimulatedStack extends AsyncDisposable {
  readonly dashboard: Dashboard;
  readonly flake: FlakeFixture;
  readonly fleet: FleetSimulator;
  readonly api: ApiClient;
  readonly chromium: Awaited<ReturnType<typeof startBrowser>>;
  /** A signed-in window. */
  window(
    options?: Parameters<Awaited<ReturnType<typeof startBrowser>>["open"]>[0],
  ): ReturnType<Awaited<ReturnType<typeof startBrowser>>["open"]>;
}

/** A real dashboard, a real config repository and a real browser; the hosts speak the real protocol and build nothing. */
export async function startSimulatedStack({
  hosts,
  behaviour = createHealthyHost({ pace: 0.1 }),
  facts = () => ({}),
  policies = {},
  settings = {},
}: {
  hosts: readonly string[];
  behaviour?: Behaviour;
  /** What is different about a host. */
  facts?: (name: string) => Partial<Facts>;
  /** What a host's own configuration allows, by its name; everything, where nothing is said. */
  policies?: Record<string, HostPolicy>;
  /** Settings of the dashboard. */
  settings?: Record<string, string>;
}): Promise<SimulatedStack> {
  const parts = new AsyncDisposableStack();
  const flake = parts.use(await createFlakeFixture());
  const commit = await flake.commitFlake("begin", { hosts: {} });
  const dashboard = parts.use(await startDashboard({ NIXFLEET_REPO_URL: flake.url, ...settings }));
  const api = await setUpAdministrator(await dashboard.setupLink(), "ada", "correct horse battery");
  const lock = {
    hash: createHash("sha256")
      .update(readFileSync(join(flake.workTree, "flake.lock")))
      .digest("hex"),
    inputs: {},
  };
  const tokens = new Map<string, string>();
  for (const name of hosts) tokens.set(name, (await api.call("addHost", { body: { name, platform: "nixos" } })).token);
  const fleet = parts.use(
    createFleetSimulator({
      url: `${dashboard.origin.replace("http", "ws")}${AGENT_LINK_PATH}`,
      behaviour,
      backoff: { first: 100, longest: 500 },
      hosts: [...tokens].map(([name, token]) => ({
        name,
        token,
        facts: { ...sampleFacts(name, { commit, now: Date.now() }), lock, ...facts(name) },
        settings: { repoUrl: flake.url },
        ...(policies[name] && { policy: policies[name] }),
      })),
    }),
  );
  fleet.start();
  await fleet.whenConnected();
  const chromium = parts.use(await startBrowser());
  return {
    dashboard,
    flake,
    fleet,
    api,
    chromium,
    async window(options) {
      const opened = await chromium.open(options);
      const [name = "", value = ""] = api.cookie.split("=");
      await opened.context.addCookies([{ name, value, url: dashboard.origin, httpOnly: true, sameSite: "Lax" }]);
      return opened;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
