import { createFlakeFixture, createNixEnv, createTempDir } from "@nixfleet/testkit";
import { setUpAdministrator } from "@nixfleet/testkit/api-client";
import { startAgent, startDashboard } from "@nixfleet/testkit/built-programs";
import { coreShare, type Figure, MB, median, pause, readProcess } from "./measure.ts";

const STARTS = 7;
/** V8 collects twice some 8 s after the start, and then no more: that is what a start costs, and no idleness. */
const SETTLED = 20_000;
/** Long enough for one measurement of the host, which comes every 60 s. */
const IDLE = 65_000;

/** A real agent that has nothing to do: what it weighs, what it uses, how soon it is there. */
export async function agentIdle(): Promise<Figure[]> {
  await using flake = await createFlakeFixture();
  await flake.commitFlake("begin", { hosts: { idle: {} } });
  await using dashboard = await startDashboard({ NIXFLEET_REPO_URL: flake.url });
  await using dir = await createTempDir("nixfleet-bench-");
  const nix = await createNixEnv(`${dir.path}/nix`);
  const api = await setUpAdministrator(await dashboard.setupLink(), "bench", "correct horse battery");
  const { token } = await api.call("addHost", { body: { name: "idle", platform: "nixos" } });
  const settings = { url: dashboard.origin, token, hostname: "idle", repoUrl: flake.url };

  const starts: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const began = performance.now();
    await using agent = await startAgent(dir, nix, settings);
    await agent.program.says(/"event":"link-up"/);
    starts.push(performance.now() - began);
    // It looks once whether the repository can be read; the next start is measured without that.
    await agent.program.says(/"event":"runner-ended"/);
  }

  await using agent = await startAgent(dir, nix, settings);
  await agent.program.says(/"event":"runner-ended"/);
  await pause(SETTLED);
  const share = await coreShare([agent.program.pid], IDLE);
  const { rss } = await readProcess(agent.program.pid);
  return [
    { what: "agent idle: RSS", value: rss / MB, unit: "MB", bar: 60 },
    {
      what: "agent idle: CPU",
      value: share * 100,
      unit: "% of a core",
      bar: 0.1,
      note: `over ${IDLE / 1000} s, from ${SETTLED / 1000} s after its start`,
    },
    { what: "agent: start to connected", value: median(starts), unit: "ms", bar: 400, note: `median of ${STARTS}` },
  ];
}
