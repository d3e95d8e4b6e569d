import { existsSync, readdirSync, readFileSync } from "node:fs";
import { identifyProcess, isAlive } from "@nixfleet/runtime";
import { startProgram } from "@nixfleet/testkit/built-programs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { groupsOf } from "./control-groups.ts";
import type { Host } from "./host.ts";
import { brokenNetworkUnit, failingUnit, type HostConfiguration, hangingActivation, longRunning } from "./host-configuration.ts";
import { type Lab, startLab } from "./lab.ts";
import { createPlaces } from "./places.ts";
import { type SwitchMode, switchTo } from "./switch-by-hand.ts";

let lab: Lab;
let web1: Host;

beforeAll(async () => {
  lab = await startLab();
  web1 = await lab.addHost("web1", { settings: { confirmTimeout: 30 } });
});
afterAll(() => lab[Symbol.asyncDispose]());

const withUnits = (units: Record<string, string>) => (now: HostConfiguration) => ({ ...now, units: { ...now.units, ...units } });
const withoutUnit = (name: string) => (now: HostConfiguration) => ({
  ...now,
  units: Object.fromEntries(Object.entries(now.units).filter(([unit]) => unit !== name)),
});

const switchByHand = (mode: SwitchMode) => switchTo(lab, web1, mode);

/**
 * The command lines of all daemons. Only of what a systemd itself has started: what a daemon starts bears the daemon's command
 * line until it has become a program of its own.
 */
async function daemonsOn(host: Host | undefined) {
  const script =
    'pgrep --parent "$(pgrep --exact --delimiter=, systemd)" --full --list-full "nixfleet-agent.js run --runner=service"';
  return (await host?.run("sh", "-c", script))?.split("\n");
}

test("a host boots the closure that it was installed with, and its agent is online", async () => {
  const running = await web1.run("readlink", "-f", "/run/current-system");

  expect(running).toMatch(/^\/nix\/store\/\w{32}-nixos-system-web1-/);
  expect(await web1.run("readlink", "-f", "/run/booted-system")).toBe(running);
  expect(await web1.run("readlink", "-f", "/nix/var/nix/profiles/system")).toBe(running);
  expect(await web1.run("systemctl", "is-system-running")).toBe("running");
  const { row, facts } = await lab.hostView("web1");
  expect(row.reachability.state).toBe("online");
  expect(facts.running?.closure).toBe(running);
  expect(facts.failedUnits).toEqual([]);
  expect(await web1.run("nix", "--version")).toBe(`nix (Nix) ${facts.nix}`);
});

test("the daemon runs as its own user in a sandbox with an exposure of 2.0 at most, and the token is nobody else's", async () => {
  const report = await web1.run("systemd-analyze", "security", "--no-pager", "nixfleet-agent.service");
  const exposure = Number(/Overall exposure level for nixfleet-agent.service: ([\d.]+)/.exec(report)?.[1]);

  expect(exposure).toBeLessThanOrEqual(2.0);
  expect(await web1.run("stat", "--format=%U %a", "/etc/nixfleet/token")).toBe("root 600");
  expect(await web1.run("stat", "--format=%U:%G %a", "/var/lib/nixfleet-agent")).toBe("nixfleet-agent:nixfleet-agent 750");
  expect(await web1.run("stat", "--format=%U:%G %a", "/var/lib/nixfleet-runner")).toBe("root:nixfleet-agent 2750");
  const daemon = await web1.run("systemctl", "show", "--property=MainPID", "--value", "nixfleet-agent");
  expect(await web1.run("stat", "--format=%U", `/proc/${daemon}`)).toBe("nixfleet-agent");
});

test("R7, R29: a pull and a switch from the dashboard succeed with real Nix, restart the units that changed, and bring the new agent", async () => {
  const agentBefore = await web1.run("systemctl", "show", "--property=MainPID", "nixfleet-agent");
  const commit = await lab.config.change("web1: other pages", "web1", (now) => ({
    ...withUnits({ "web.service": longRunning("Serves pages", "Environment=PAGES=2"), "cache.service": longRunning("Caches") })(
      now,
    ),
    agent: { version: "1.1", bundle: "nixfleet-agent.js" },
  }));
  const pull = await lab.perform("web1", "pull", { commit });
  expect(pull.outcome?.sentence).toMatch(/./);
  expect(pull.summary.state).toBe("succeeded");

  const run = await lab.perform("web1", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("succeeded");
  const log = await lab.logOf(run.summary.id);
  expect(log).toContain("stopping the following units: web.service");
  expect(log).toContain("NOT restarting the following changed units: nixfleet-agent.service, nixfleet-runner.service");
  expect(log).toContain("the following new units were started: cache.service");
  expect(await web1.unitState("cache.service")).toBe("active");
  expect(await web1.run("systemctl", "show", "--property=Environment", "web.service")).toBe("Environment=PAGES=2");
  expect(await web1.run("systemctl", "show", "--property=MainPID", "nixfleet-agent")).not.toBe(agentBefore);
  expect(await daemonsOn(web1)).toHaveLength(1);
  const { facts } = await lab.untilHost("web1", (view) => view.facts.running?.revision === commit);
  expect(facts.running?.closure).toBe(await web1.run("readlink", "-f", "/nix/var/nix/profiles/system"));
});

test("R37: a switch that re-executes systemd itself is judged by its own end, whatever became of who had launched it", async () => {
  const activation =
    "kill -KILL $(pgrep --full --newest '^systemd-run .*--unit=nixos-rebuild')\nsystemctl daemon-reexec\nsleep 4\necho all is new";
  const commit = await lab.config.change("web1: a new systemd", "web1", (now) => ({ ...now, activation }));

  const run = await lab.perform("web1", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("succeeded");
  expect(await lab.logOf(run.summary.id)).toContain("all is new");
  await lab.config.change("web1: the same systemd", "web1", (now) => ({ ...now, activation: "" }));
});

test("dry-activate says what a switch would do, in NixOS's words, and does nothing", async () => {
  await lab.config.change("web1: another cache", "web1", (now) => ({
    ...withUnits({ "cache.service": longRunning("Caches", "Environment=SIZE=2"), "mail.service": longRunning("Mails") })(
      withoutUnit("web.service")(now),
    ),
    kernel: "6.12.41",
  }));
  const before = await web1.run("readlink", "-f", "/run/current-system");

  const { exitCode, stderr } = await switchByHand("dry-activate");

  expect(exitCode).toBe(0);
  expect(stderr).toContain("would stop the following units: cache.service, web.service\n");
  expect(stderr).toContain("would activate the configuration...\n");
  expect(stderr).toContain("would start the following units: cache.service\n");
  expect(await web1.run("readlink", "-f", "/run/current-system")).toBe(before);
  expect(await web1.unitState("web.service")).toBe("active");
});

test("a unit that fails gives exit code 4", async () => {
  await lab.config.change("web1: a database that does not start", "web1", withUnits({ "database.service": failingUnit }));

  const { exitCode, stderr } = await switchByHand("switch");

  expect(exitCode, stderr).toBe(4);
  expect(stderr).toContain("warning: the following units failed: database.service\n");
  await lab.config.change("web1: without it", "web1", withoutUnit("database.service"));
  expect((await switchByHand("switch")).exitCode).toBe(0);
});

test("while an activation hangs no other one begins, and a cancel ends it", async () => {
  const commit = await lab.config.change("web1: hangs", "web1", (now) => ({ ...now, activation: hangingActivation }));
  expect((await lab.perform("web1", "pull", { commit })).summary.state).toBe("succeeded");
  const run = await lab.start("web1", "switch", { commit });
  await web1.untilUnit("nixos-rebuild-switch-to-configuration.service");
  await lab.config.change("web1: does not hang", "web1", (now) => ({ ...now, activation: "" }));

  const other = await switchByHand("test");
  await lab.api.call("cancelRun", { params: { run } });

  expect(other.exitCode).toBe(11);
  expect(other.stderr).toContain("Could not acquire lock");
  await lab.untilRun(run, ({ summary }) => summary.state === "cancelled");
  // What was half switched is undone after the run's end.
  await lab.untilHost("web1", ({ facts }) => facts.deadman === null);
  const again = await switchByHand("switch");
  expect(again.exitCode, again.stderr).toBe(0);
});

test("mode boot changes what the next boot runs and nothing before; other boot parts need a reboot", async () => {
  const before = await web1.run("readlink", "-f", "/run/current-system");
  await lab.config.change("web1: another kernel", "web1", (now) => ({ ...now, activation: "", kernel: "6.12.42" }));
  const boots = web1.boots;

  expect((await switchByHand("boot")).exitCode).toBe(0);

  expect(await web1.run("readlink", "-f", "/run/current-system")).toBe(before);
  await web1.reboot();
  expect(web1.boots).toBe(boots + 1);
  expect(await web1.run("readlink", "-f", "/run/current-system")).not.toBe(before);
  expect(await web1.run("readlink", "-f", "/run/booted-system")).toBe(
    await web1.run("readlink", "-f", "/nix/var/nix/profiles/system"),
  );
  await lab.untilOnline("web1");
});

test("R26: after a power loss the host boots and its agent is connected again, by itself", async () => {
  const running = await web1.run("readlink", "-f", "/run/current-system");

  await web1.powerLoss();
  await web1.boot();

  const { row, facts } = await lab.untilOnline("web1");
  expect(row.conflict).toBeNull();
  expect(facts.running?.closure).toBe(running);
});

test("R26: after the network was cut and repaired the agent is connected again, by itself", async () => {
  await lab.untilOnline("web1");

  await web1.cutNetwork();
  await lab.untilHost("web1", ({ row }) => row.reachability.state !== "online", 180_000);
  await web1.repairNetwork();

  const { row } = await lab.untilOnline("web1");
  expect(row.conflict).toBeNull();
});

test("R37: a configuration that takes the host off the network is undone by the host alone", async () => {
  const commit = await lab.config.change("web1: a wrong network", "web1", withUnits({ "network.service": brokenNetworkUnit }));
  const before = await web1.run("readlink", "-f", "/run/current-system");

  const run = await lab.perform("web1", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("rolled-back");
  expect(run.outcome?.code).toBe("not-confirmed");
  expect(await web1.run("readlink", "-f", "/run/current-system")).toBe(before);
  expect(await web1.run("readlink", "-f", "/nix/var/nix/profiles/system")).toBe(before);
  await lab.untilOnline("web1");
  await lab.config.change("web1: the right network", "web1", withoutUnit("network.service"));
});

test("the home of a user is switched by the user's own service manager", async () => {
  const home = await lab.addHost("home", { platform: "home-manager", settings: { confirmTimeout: 30 } });
  const commit = await lab.config.change("home: other notes", "home", (now) => ({
    ...now,
    units: { ...now.units, "notes.service": longRunning("Keeps notes", "Environment=NOTES=2") },
    etc: { ".config/motd": "Good evening\n" },
  }));

  expect((await lab.perform("home", "pull", { commit })).summary.state).toBe("succeeded");
  const run = await lab.perform("home", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("succeeded");
  expect(await home.readFile("/home/alice/.config/motd")).toBe("Good evening");
  const notes = await home.exec(["systemctl", "--user", "show", "--property=Environment", "notes.service"], { user: "alice" });
  expect(notes.stdout.trim()).toBe("Environment=NOTES=2");
});

test("R37: a home whose activation hangs is restored by a timer of its user's own service manager", async () => {
  const home = lab.hosts.get("home");
  const current = "/home/alice/.local/state/home-manager/gcroots/current-home";
  const before = await home?.run("readlink", "-f", current);
  const commit = await lab.config.change("home: hangs", "home", (now) => ({ ...now, activation: hangingActivation }));

  const run = await lab.perform("home", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("rolled-back");
  expect(run.outcome?.code).toBe("not-confirmed");
  expect(await home?.run("readlink", "-f", current)).toBe(before);
  const { facts } = await lab.untilHost("home", (view) => view.facts.deadman === null);
  expect(facts.running?.closure).toBe(before);
});

test("R7: a home's new agent takes the place of the old one", async () => {
  const commit = await lab.config.change("home: another agent", "home", (now) => ({
    ...now,
    agent: { version: "1.1", bundle: "nixfleet-agent.js" },
    activation: "",
  }));

  const run = await lab.perform("home", "switch", { commit });

  expect(run.summary.state, await lab.logOf(run.summary.id)).toBe("succeeded");
  expect(await daemonsOn(lab.hosts.get("home"))).toEqual([
    expect.stringContaining("-nixfleet-agent-1.1/lib/nixfleet-agent.js run"),
  ]);
});

test("a small disk can be filled, and freed again", async () => {
  const small = await lab.addHost("small", { smallDisks: { "/var/lib/nixfleet-runner": 32 } });

  await small.fillDisk("/var/lib/nixfleet-runner");
  const full = await small.exec(["dd", "if=/dev/zero", "of=/var/lib/nixfleet-runner/more", "bs=4k", "count=1"]);
  await small.freeDisk("/var/lib/nixfleet-runner");

  expect(full.stderr).toContain("No space left on device");
  expect((await lab.perform("small", "pull")).summary.state).toBe("succeeded");
});

test("a lab that ends leaves no mount, no network, no process and no file", async () => {
  await using other = await startLab();
  await other.addHost("gate");
  const { prefix, directory, number } = other.claim;
  expect((await groupsOf(prefix)).length).toBeGreaterThan(0);

  await other[Symbol.asyncDispose]();

  expect(await groupsOf(prefix)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory);
  expect(readdirSync("/run/netns").filter((name) => name.startsWith(prefix))).toEqual([]);
  expect(
    readdirSync("/sys/class/net").filter((name) => name.startsWith(`nflab${number}`) || name.startsWith(`nfl${number}x`)),
  ).toEqual([]);
  expect(existsSync(directory)).toBe(false);
  expect(existsSync(`/run/nixfleet-lab/${number}.json`)).toBe(false);
});

test("what a lab that was killed has left is removed at the start of the next one", async () => {
  const script = `
    import { startLab } from ${JSON.stringify(new URL("lab.ts", import.meta.url).pathname)};
    const lab = await startLab();
    await lab.addHost("gate");
    console.log(JSON.stringify({ ...lab.claim, dashboard: lab.dashboard.program.pid }) + " is up");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  `;
  const killed = startProgram(
    [process.execPath, "--input-type=module", "--eval", script],
    // The same place for labs as this one's, and the root file system that is there.
    { PATH: process.env["PATH"] ?? "", NIXFLEET_LAB_DIR: createPlaces().root },
    "/dev/null",
  );
  const [line] = await killed.says(/\{.*\} is up/);
  const left = JSON.parse(line.replace(" is up", "")) as { number: number; prefix: string; directory: string; dashboard: number };
  const dashboard = identifyProcess(left.dashboard);
  await killed.end("SIGKILL");
  expect((await groupsOf(left.prefix)).length).toBeGreaterThan(0);

  // It may well get the same number: so it is the hosts that are looked for.
  await using _next = await startLab();

  expect(await groupsOf(left.prefix)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(`${left.directory}/hosts`);
  expect(readdirSync("/run/netns").filter((name) => name.startsWith(left.prefix))).toEqual([]);
  expect(existsSync(`${left.directory}/hosts`)).toBe(false);
  expect(dashboard !== undefined && isAlive(dashboard)).toBe(false);
});
