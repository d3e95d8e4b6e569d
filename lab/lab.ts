import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type HostView, isTerminal, type OpName, type RunView } from "@nixfleet/protocol";
import { type ApiClient, setUpAdministrator } from "@nixfleet/testkit/api-client";
import { type Dashboard, startDashboard } from "@nixfleet/testkit/built-programs";
import { type AgentSettings, installedAgent } from "./agent-units.ts";
import { type Claim, claimLab } from "./claims.ts";
import { BUILT_AGENT, type ConfigRepository, createConfigRepository } from "./config-repository.ts";
import { type GitServer, startGitServer } from "./git-server.ts";
import { createHost, type Host, type HostOptions } from "./host.ts";
import { type HostConfiguration, plainHost } from "./host-configuration.ts";
import { DEFAULT_KIND, type HostKind } from "./host-kinds.ts";
import { activateHome, installNixos, makeUser } from "./install.ts";
import { installNeeded } from "./machine.ts";
import { createNetwork } from "./network.ts";
import { createPlaces } from "./places.ts";
import { openRootFilesystem } from "./root-filesystem.ts";

/** The administrator of the lab's dashboard. */
export const ADMINISTRATOR = { name: "lab", password: "correct horse battery" } as const;

export interface NewHost extends Pick<HostOptions, "smallDisks" | "shares"> {
  platform?: HostConfiguration["platform"];
  /** Of what age it is. */
  kind?: HostKind;
  /** What its configuration says at first; by default a plain host with the agent. */
  configure?: (plain: HostConfiguration) => HostConfiguration;
  /** More values of `services.nixfleet-agent`. */
  settings?: AgentSettings;
  /** Waits until its agent is online. Default true. */
  wait?: boolean;
}

/** Hosts, a dashboard, a config repository and a network of their own, on this machine. */
export interface Lab extends AsyncDisposable {
  /** Number, prefix of names, directory. */
  readonly claim: Pick<Claim, "number" | "prefix" | "directory">;
  readonly dashboard: Dashboard;
  readonly api: ApiClient;
  readonly config: ConfigRepository;
  /** The config repository as hosts clone it. */
  readonly repoUrl: string;
  readonly git: GitServer;
  readonly hosts: ReadonlyMap<string, Host>;
  /** Installs a host from the config repository, adds it to the dashboard, boots it, and waits until its agent is online. */
  addHost(name: string, options?: NewHost): Promise<Host>;
  hostView(name: string): Promise<HostView>;
  /** Resolves when the dashboard shows it so. */
  untilHost(name: string, holds: (view: HostView) => boolean, limitMs?: number): Promise<HostView>;
  /** Resolves when the agent of the host's present boot is online. */
  untilOnline(name: string): Promise<HostView>;
  /** Starts an op. Returns its run's id. `force`: whoever starts it insists. */
  start(host: string, op: OpName, args?: Record<string, unknown>, force?: boolean): Promise<string>;
  untilRun(run: string, holds: (view: RunView) => boolean, limitMs?: number): Promise<RunView>;
  /** Starts an op and waits for its end. */
  perform(host: string, op: OpName, args?: Record<string, unknown>): Promise<RunView>;
  /** All lines of a run's log. */
  logOf(run: string): Promise<string>;
}

/** Starts a lab without hosts. All that it makes is removed when it is disposed, or at the start of the next one. */
export async function startLab(say: (sentence: string) => void = () => {}): Promise<Lab> {
  const places = createPlaces();
  await using stack = new AsyncDisposableStack();
  await installNeeded(say);
  const claim = stack.use(await claimLab(places, say));
  const network = await createNetwork(claim);
  const config = await createConfigRepository(join(claim.directory, "git"));
  const git = stack.use(await startGitServer(config.git.origin, network.address));
  const directory = join(claim.directory, "dashboard");
  await mkdir(directory);
  const place = { address: network.address, directory, onStart: claim.note };
  const dashboard = stack.use(await startDashboard({ NIXFLEET_REPO_URL: git.url }, place));
  const api = await setUpAdministrator(await dashboard.setupLink(), ADMINISTRATOR.name, ADMINISTRATOR.password);
  const hosts = new Map<string, Host>();
  const resources = stack.move();

  const lab: Lab = {
    claim,
    dashboard,
    api,
    config,
    repoUrl: git.url,
    git,
    hosts,
    async addHost(name, options = {}) {
      const { platform = "nixos", kind = DEFAULT_KIND, configure = (plain) => plain, settings = {} } = options;
      const { wait = true, smallDisks, shares } = options;
      const rootFilesystem = await openRootFilesystem(kind, { places, labDirectory: claim.directory, say });
      const plain = plainHost(platform, kind);
      const isNixos = platform === "nixos";
      const tokenFile = isNixos ? "/etc/nixfleet/token" : `/home/${plain.user}/.config/nixfleet/token`;
      const agent = await installedAgent(plain, { url: dashboard.origin, repoUrl: git.url, tokenFile, ...settings }, kind);
      const configuration = configure({
        ...plain,
        agent: { version: "1.0", bundle: BUILT_AGENT },
        units: { ...plain.units, ...agent.units },
        etc: { ...plain.etc, ...agent.etc },
      });
      await config.commit(`${name}: begin`, { [name]: configuration });
      const { token } = await api.call("addHost", { body: { name, platform } });
      const cable = await network.attach(name);
      const host = await createHost(
        { lab: claim, cable, rootFilesystem },
        { name, boots: isNixos ? "closure" : "debian", ...(smallDisks && { smallDisks }), ...(shares && { shares }) },
      );
      hosts.set(name, host);
      const { user } = configuration;
      if (isNixos) {
        await host.writeFile(tokenFile, `${token}\n`);
        await installNixos(host, git.url);
        await host.boot();
      } else {
        await makeUser(host, user, kind);
        await host.writeFile(tokenFile, `${token}\n`);
        await host.runOffline(["/bin/chown", "-R", `${user}:`, `/home/${user}`]);
        await host.boot();
        await activateHome(host, user, git.url);
      }
      if (wait) await lab.untilOnline(name);
      return host;
    },
    hostView: (name) => api.call("host", { params: { host: name } }),
    async untilHost(name, holds, limitMs = 60_000) {
      const seen = await until(() => lab.hostView(name), holds, limitMs);
      if (seen.holds) return seen.value;
      throw new Error(`${name} is not so: ${JSON.stringify(seen.value.row, null, 1)}`);
    },
    async untilOnline(name) {
      const bootId = await hosts.get(name)?.readFile("/proc/sys/kernel/random/boot_id");
      return lab.untilHost(name, ({ row, facts }) => row.reachability.state === "online" && facts.boot?.id === bootId);
    },
    async start(host, op, args = {}, force = false) {
      const { id } = await api.call("startRun", { params: { host }, body: { op, args, whenBlocked: "queue", force } });
      return id;
    },
    async untilRun(run, holds, limitMs = 120_000) {
      const seen = await until(() => api.call("run", { params: { run } }), holds, limitMs);
      if (seen.holds) return seen.value;
      throw new Error(`The run is not so: ${JSON.stringify(seen.value, null, 1)}\n${await lab.logOf(run)}`);
    },
    async perform(host, op, args) {
      return lab.untilRun(await lab.start(host, op, args), ({ summary }) => isTerminal(summary.state));
    },
    async logOf(run) {
      const { lines } = await api.call("runLog", { params: { run }, query: { from: 1, limit: 10_000, format: "json" } });
      return lines.map(({ text }) => text).join("\n");
    },
    async [Symbol.asyncDispose]() {
      await resources[Symbol.asyncDispose]();
    },
  };
  return lab;
}

/** Asks again and again until it is so, or the time is over. */
async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean, limitMs: number) {
  const limit = Date.now() + limitMs;
  for (;;) {
    const value = await ask();
    if (holds(value) || Date.now() > limit) return { holds: holds(value), value };
    await sleep(100);
  }
}
