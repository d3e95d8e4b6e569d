import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { readAgentFacts } from "../facts/machine-facts.ts";
import { hash, makeClosure } from "./closures.fixture.ts";
import { createDarwinPlatform } from "./darwin.ts";
import { createHomeManagerPlatform } from "./home-manager.ts";
import { installedPathOf, readServiceFiles } from "./installed-agent.ts";
import { createNixosPlatform } from "./nixos.ts";

const agent = `/nix/store/${hash}-nixfleet-agent-0.1.0`;
const unit = `[Service]\nExecStart=${agent}/bin/nixfleet-agent run --runner=service\nEnvironment="PATH=/nix/store/${hash}-git-2.50/bin"\n`;
const deps = { hostname: "gate", flakeAttr: undefined, systemRoot: "/r", env: {}, exec };

test("NixOS: the agent that a closure installs is the text of its three units; another setting is another text", async () => {
  await using dir = await createTempDir();
  const units = {
    "etc/systemd/system/nixfleet-agent.service": unit,
    "etc/systemd/system/nixfleet-runner.service": "runner",
    "etc/systemd/system/nixfleet-runner.path": "path",
    "etc/systemd/system/nixfleet-dashboard.service": "another program",
  };
  const platform = createNixosPlatform(deps);
  const text = await platform.installedAgent(await makeClosure(dir.path, "a", units));
  expect(text).toBe(`# nixfleet-agent.service\n${unit}\n# nixfleet-runner.path\npath\n# nixfleet-runner.service\nrunner\n`);
  const changed = { ...units, "etc/systemd/system/nixfleet-agent.service": `${unit}Nice=5\n` };
  expect(await platform.installedAgent(await makeClosure(dir.path, "b", changed))).not.toBe(text);
  expect(
    await platform.installedAgent(await makeClosure(dir.path, "c", { "etc/systemd/system/sshd.service": "x" })),
  ).toBeUndefined();
  expect(await platform.installedAgent("/nowhere")).toBeUndefined();
});

test("Home Manager: units of the user, or launch agents on macOS; nix-darwin: launch daemons", async () => {
  await using dir = await createTempDir();
  const closure = await makeClosure(dir.path, "a", {
    "home-files/.config/systemd/user/nixfleet-agent.service": "user unit",
    "LaunchAgents/com.nixfleet.agent.plist": "launch agent",
    "LaunchAgents/org.nix-community.home.syncthing.plist": "another program",
    "Library/LaunchDaemons/com.nixfleet.agent.plist": "launch daemon",
    "Library/LaunchDaemons/com.nixfleet.runner.plist": "runner",
  });
  const home = { ...deps, user: "ada", uid: 1000, home: "/home/ada" };
  const linux = createHomeManagerPlatform({ ...home, isDarwin: false });
  const macos = createHomeManagerPlatform({ ...home, isDarwin: true });
  expect(await linux.installedAgent(closure)).toBe("# nixfleet-agent.service\nuser unit\n");
  expect(await macos.installedAgent(closure)).toBe("# com.nixfleet.agent.plist\nlaunch agent\n");
  expect(await createDarwinPlatform(deps).installedAgent(closure)).toBe(
    "# com.nixfleet.agent.plist\nlaunch daemon\n# com.nixfleet.runner.plist\nrunner\n",
  );
});

test.for([
  ["ExecStart of systemd", unit],
  ["a quoted ExecStart", `ExecStart="${agent}/bin/nixfleet-agent" run`],
  ["ProgramArguments of launchd", `<string>${agent}/bin/nixfleet-agent</string><string>run</string>`],
  [
    "a shell that waits for the store",
    `<string>/bin/wait4path /nix/store &amp;&amp; exec ${agent}/bin/nixfleet-agent run</string>`,
  ],
])("the store path of the installed agent is found in %s", ([, text]) => {
  expect(installedPathOf(text as string)).toBe(agent);
});

test("another program, or one outside the store, is no installed agent", () => {
  expect(installedPathOf(`ExecStart=/nix/store/${hash}-x/bin/nixfleet-agent-wrapper`)).toBeUndefined();
  expect(installedPathOf("ExecStart=/usr/bin/nixfleet-agent run")).toBeUndefined();
});

test("R24: the agent's fact names the installed one where the running configuration installs one", async () => {
  const platform = { runningClosure: async () => "/nix/store/x", installedAgent: async () => unit };
  expect((await readAgentFacts(1, platform, "/nowhere")).agent).toMatchObject({ startedAt: 1, installedPath: agent });
  const none = { ...platform, installedAgent: async () => undefined };
  expect((await readAgentFacts(1, none, "/nowhere")).agent).not.toHaveProperty("installedPath");
  expect((await readAgentFacts(1)).agent).not.toHaveProperty("installedPath");
});

test("R64: a service file may be a line of slashes, or a link to what never ends", async () => {
  await using dir = await createTempDir();
  await symlink("/dev/zero", join(dir.path, "nixfleet-agent.service"));
  expect(await readServiceFiles(dir.path, () => true)).toBeUndefined();
  expect(installedPathOf("/".repeat(1024 * 1024))).toBeUndefined();
});
