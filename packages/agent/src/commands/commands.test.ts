import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Commit, FAILURES } from "@nixfleet/protocol";
import { exec } from "@nixfleet/runtime";
import { createTempDir, type TempDir } from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentHost, createAgentHost, nextRunId } from "../daemon/agent.fixture.ts";
import { writeArmed } from "../deadman/record.ts";
import { sampleArmed } from "../spool/armed.fixture.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { AGENT_VERSION } from "../version.ts";
import { platformOf } from "./read-settings.ts";
import { status } from "./status.ts";

let dir: TempDir;
beforeEach(async () => {
  dir = await createTempDir();
});
afterEach(() => dir[Symbol.asyncDispose]());

test("every fault of the settings is printed at once, each with a fix, and the exit code is 2", async () => {
  await using host: AgentHost = await createAgentHost();
  const agent = host.start(["run"], {
    NIXFLEET_URL: "nowhere",
    NIXFLEET_TOKEN: "two words of a secret",
    NIXFLEET_INTERVAL: "soon",
  });
  const runner = host.start(["runner"], { NIXFLEET_REPO_URL: "ext::sh" });
  expect((await agent.ended).code).toBe(2);
  for (const name of ["NIXFLEET_URL", "NIXFLEET_TOKEN", "NIXFLEET_INTERVAL"]) expect(agent.stderr()).toContain(`${name} `);
  expect(agent.stderr()).not.toContain("words of a secret");
  expect((await runner.ended).code).toBe(2);
  expect(runner.stderr()).toContain("NIXFLEET_REPO_URL");
});

test("wrong usage is answered with what is wrong, where the usage is, and 2", async () => {
  await using host: AgentHost = await createAgentHost();
  const wrong = [
    { argv: ["dance"], says: "Unknown command: dance.", see: "nixfleet-agent --help" },
    { argv: [], says: "A command is missing.", see: "nixfleet-agent --help" },
    { argv: ["run", "--runner=magic"], says: "--runner is spawn or service, not magic.", see: "nixfleet-agent run --help" },
    { argv: ["deploy", "--mod", "test"], says: "Unknown option '--mod'.", see: "nixfleet-agent --help" },
    { argv: ["deploy", "--commit", "4f2a"], says: "4f2a is none.", see: "nixfleet-agent deploy --help" },
    { argv: ["status", "--to", "4"], says: "--to belongs to undo.", see: "nixfleet-agent undo --help" },
  ].map(({ argv, ...expected }) => ({ ...expected, agent: host.start(argv) }));
  for (const { agent, says, see } of wrong) {
    expect((await agent.ended).code).toBe(2);
    const [reason, help, ...more] = agent.stderr().trim().split("\n");
    expect(reason).toContain(says);
    expect(help).toBe(`See ${see}.`);
    expect(more).toEqual([]);
  }
});

test("--help is about one command, or about all of them and their settings", async () => {
  await using host: AgentHost = await createAgentHost();
  const [version, all, deploy] = [["--version"], ["--help"], ["deploy", "--help"]].map((argv) => host.start(argv));
  expect([(await version?.ended)?.code, (await all?.ended)?.code, (await deploy?.ended)?.code]).toEqual([0, 0, 0]);
  expect(version?.stdout()).toBe(`${AGENT_VERSION}\n`);
  expect(all?.stdout()).toContain("NIXFLEET_TOKEN");
  expect(deploy?.stdout()).toMatch(/^Usage: nixfleet-agent deploy \[--commit COMMIT\]/);
  expect(deploy?.stdout()).toContain("3 refused");
  expect(deploy?.stdout()).not.toMatch(/undo \[--to|NIXFLEET_/);
});

test("a reader that leaves, such as head, ends no command with an error", async () => {
  const script = `"$1" "$2" check | sed q >"$3/read"; echo "\${PIPESTATUS[0]}" >"$3/code"`;
  const argv = ["bash", "-c", script, "bash", process.execPath, builtProgram("agent"), dir.path] as const;
  const { stderr } = await exec({ argv, env: { PATH: process.env["PATH"] ?? "", HOME: dir.path } }).result;
  expect(stderr).toBe("");
  expect(await readFile(join(dir.path, "code"), "utf8")).toBe("1\n");
});

test("status reports what runs, what waits and how the last run ended, without a dashboard and without a daemon", async () => {
  const stateDir = join(dir.path, "state");
  const runnerDir = join(dir.path, "runner");
  const files = createDaemonFiles(stateDir);
  await files.prepare();
  const layout = runnerLayout(runnerDir);
  const commit = Commit.parse("a".repeat(40));
  const closure = `/nix/store/${"0".repeat(32)}-nixos-system-gate`;
  const [ended, active, queued] = [nextRunId(), nextRunId(), nextRunId()];
  const request = { op: "switch", args: {}, commit, deadline: 1000, askedBy: "ada", force: false, receivedAt: 0 };
  for (const runId of [ended, active]) {
    await mkdir(layout.run(runId).dir, { recursive: true });
    await writeFile(layout.run(runId).request, JSON.stringify({ ...request, runId }));
  }
  const outcome = { state: "failed", code: "build-failed", reason: "hello-2.12 failed to build" };
  await writeFile(layout.run(ended).outcome, JSON.stringify({ outcome, lastSeq: 3, endedAt: 0 }));
  await files.putRequest({ ...request, op: "pull", runId: queued });
  await createLedger(layout.deployments).add({ closure, commit, runId: ended, at: 0, mode: "switch" });

  let text = "";
  const code = await status({ HOME: dir.path, NIXFLEET_STATE_DIR: stateDir, NIXFLEET_RUNNER_DIR: runnerDir }, {}, (part) => {
    text += part;
  });
  expect(code).toBe(3);
  expect(text.split("\n").slice(0, -1)).toEqual([
    `daemon     does not run (${stateDir}): nixfleet-agent check says why`,
    "runner     idle",
    `system     last deployed ${closure} (commit aaaaaaa, run ${ended})`,
    "armed      nothing",
    "units      not known",
    "policy     not known: a setting is missing or wrong, nixfleet-agent check says which",
    `active     ${active} switch to aaaaaaa, asked by ada`,
    "queue      1 waiting",
    `           ${queued} pull to aaaaaaa, asked by ada`,
    `last run   ${ended} switch to aaaaaaa, asked by ada: failed (build-failed): hello-2.12 failed to build. ${FAILURES["build-failed"].next} (1970-01-01T00:00:00.000Z)`,
  ]);
});

test("the version is that of package.json", async () => {
  const manifest = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  expect(AGENT_VERSION).toBe(manifest.version);
});

test("the platform is the one that is set, else NixOS where the machine is one, else Home Manager", () => {
  expect(platformOf({ platform: "darwin" })).toBe("darwin");
  expect(platformOf({ platform: undefined }, { os: "linux", exists: (path) => path === "/etc/NIXOS" })).toBe("nixos");
  expect(platformOf({ platform: undefined }, { os: "linux", exists: () => false })).toBe("home-manager");
  expect(platformOf({ platform: undefined }, { os: "darwin", exists: () => true })).toBe("darwin");
});

test("status reports what is armed, which units failed and what this host allows, and the same as JSON", async () => {
  const [stateDir, runnerDir] = [join(dir.path, "state"), join(dir.path, "runner")];
  const runId = nextRunId();
  const back = `/nix/store/${"0".repeat(32)}-nixos-system-gate`;
  const env = {
    HOME: dir.path,
    PATH: process.env["PATH"] ?? "",
    NIXFLEET_STATE_DIR: stateDir,
    NIXFLEET_RUNNER_DIR: runnerDir,
    NIXFLEET_SYSTEM_ROOT: join(dir.path, "system"),
    NIXFLEET_PLATFORM: "nixos",
    NIXFLEET_URL: "https://fleet.example",
    NIXFLEET_REPO_URL: "https://git.example/config.git",
    NIXFLEET_ALLOWED_OPS: "pull,switch",
    NIXFLEET_SIGNING_REQUIRED: "true",
  };
  await mkdir(runnerDir);
  await writeArmed(
    runnerLayout(runnerDir),
    sampleArmed({ runId, back, next: back, systemRoot: "", until: Date.UTC(2100, 0, 1) }),
  );
  // What a daemon that was taken over has put into its queue reaches a terminal as text only (R50).
  const request = {
    op: "pull",
    args: {},
    commit: null,
    deadline: 1000,
    askedBy: "\u001b]0;evil\u0007\u009b2J\ndaemon     runs",
    force: false,
    receivedAt: 0,
  };
  const files = createDaemonFiles(stateDir);
  await files.prepare();
  await files.putRequest({ ...request, runId: nextRunId() });
  const tell = async (json: boolean) => {
    let text = "";
    await status(env, { json }, (part) => {
      text += part;
    });
    return text;
  };
  const text = await tell(false);
  expect(text).toContain(
    `armed      run ${runId}, until 2100-01-01T00:00:00.000Z; without confirmation the host goes back to ${back}`,
  );
  expect(text).toMatch(/^units {6}(none failed|not known|failed: .*)$/m);
  expect(text).toContain(
    "policy     only pull, switch; signed commits only; no older commits; undone after 120 s without confirmation",
  );
  expect(text.match(/^daemon/gm)).toHaveLength(1);
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  const json = JSON.parse(await tell(true));
  expect(json).toMatchObject({ daemon: null, runner: null, running: null, armed: { runId, back }, last: null, problems: [] });
  expect(json.policy).toEqual({ allowedOps: ["pull", "switch"], allowRewind: false, signingRequired: true, confirmTimeout: 120 });
});

test("status reports what it can where the files of both sides are not what they should be", async () => {
  const [stateDir, runnerDir] = [join(dir.path, "state"), join(dir.path, "runner")];
  const layout = runnerLayout(runnerDir);
  await mkdir(layout.runs, { recursive: true });
  await mkdir(join(stateDir, "queue"), { recursive: true });
  for (const path of [join(stateDir, "daemon.lock"), layout.lock, layout.deadman, layout.deployments]) {
    await symlink("/dev/zero", path);
  }
  let text = "";
  const code = await status({ HOME: dir.path, NIXFLEET_STATE_DIR: stateDir, NIXFLEET_RUNNER_DIR: runnerDir }, {}, (part) => {
    text += part;
  });
  expect(code).toBe(3);
  expect(text).toContain("last run   none yet");
  expect(text).toMatch(/^note {7}what is armed cannot be read: .*symbolic link/m);
});
