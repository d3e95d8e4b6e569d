import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Platform } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { type Evaluated, evaluateModule, type ModuleRequest } from "./evaluate.ts";
import { everything, least } from "./sample-settings.fixture.ts";

const run = promisify(execFile);

const hosts: readonly { name: string; platform: Platform; request: ModuleRequest }[] = [
  { name: "nixos", platform: "nixos", request: least },
  { name: "nixos-everything", platform: "nixos", request: everything },
  { name: "darwin", platform: "darwin", request: least },
  { name: "darwin-everything", platform: "darwin", request: everything },
  { name: "home-manager", platform: "home-manager", request: least },
  { name: "home-manager-everything", platform: "home-manager", request: everything },
  { name: "home-manager-on-macos", platform: "home-manager", request: { ...least, isDarwin: true } },
];

test.for(hosts)(
  "what $name installs is what modules/golden has; else run this file with vitest --update, and read the difference",
  async ({ name, platform, request }) => {
    await using dir = await createTempDir();
    const evaluated = await evaluateModule(dir.path, platform, request);
    expect(evaluated.failed).toEqual([]);
    await expect(asText(evaluated)).toMatchFileSnapshot(`golden/${name}.txt`);
  },
);

test.for(Platform.options)("%s: a module that is not enabled installs nothing", async (platform) => {
  await using dir = await createTempDir();
  const { files } = await evaluateModule(dir.path, platform, { settings: {} });
  expect(files).toEqual({});
});

test("the daemon's sandbox leaves it an exposure of 2.0 at most, as systemd counts", async () => {
  await using dir = await createTempDir();
  const { files } = await evaluateModule(dir.path, "nixos", least);
  const unit = join(dir.path, "nixfleet-agent.service");
  await writeFile(unit, files["nixfleet-agent.service"] ?? "");
  const { stdout } = await run("systemd-analyze", ["security", "--offline=true", "--no-pager", "--threshold=20", unit]);
  expect(Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(2);
});

test.for(["nixos", "home-manager"] as const)("%s: systemd understands every line of the units", async (platform) => {
  await using dir = await createTempDir();
  const program = join(dir.path, "agent/bin/nixfleet-agent");
  await mkdir(join(dir.path, "agent/bin"), { recursive: true });
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o755);
  const request = { ...everything, package: join(dir.path, "agent"), packagesAt: "/usr" };
  const { files } = await evaluateModule(dir.path, platform, request);
  const paths = Object.keys(files).map((name) => join(dir.path, name));
  await Promise.all(paths.map((path, at) => writeFile(path, Object.values(files)[at] ?? "")));
  const scope = platform === "nixos" ? [] : ["--user"];
  const said = await run("systemd-analyze", [...scope, "verify", "--man=no", "--recursive-errors=no", ...paths], {
    env: { ...process.env, XDG_RUNTIME_DIR: dir.path, SYSTEMD_LOG_LEVEL: "warning" },
  }).then(
    ({ stderr }) => stderr,
    // It found faults. Where it did not run at all, nothing is known.
    (error: unknown) => {
      if (error instanceof Error && "stderr" in error && "code" in error && typeof error.code === "number")
        return String(error.stderr);
      throw error;
    },
  );
  // The program that the boot unit starts is there only while something is armed.
  const complaints = said.split("\n").filter((line) => line.includes("nixfleet-") && !line.includes("deadman-program"));
  expect(complaints).toEqual([]);
});

test("R29: neither a stop nor a switch that changes or removes the units reaches the runner or what it has started", async () => {
  await using dir = await createTempDir();
  const { files } = await evaluateModule(dir.path, "nixos", least);
  for (const name of ["nixfleet-agent.service", "nixfleet-runner.service", "nixfleet-deadman.service"]) {
    const lines = (files[name] ?? "").split("\n");
    expect(lines, name).toEqual(
      expect.arrayContaining(["X-RestartIfChanged=false", "X-StopIfChanged=false", "X-StopOnRemoval=false"]),
    );
  }
  expect(files["nixfleet-runner.path"]).toContain("X-StopOnRemoval=false");
  expect(files["nixfleet-runner.service"]).toContain("KillMode=process");
});

test("R29: on macOS no setting changes the job of the runner, since a job that changes is ended by the switch", async () => {
  await using dir = await createTempDir();
  for (const request of [
    { platform: "darwin", isDarwin: true },
    { platform: "home-manager", isDarwin: true },
  ] as const) {
    const one = await evaluateModule(dir.path, request.platform, { ...least, isDarwin: true });
    const other = await evaluateModule(dir.path, request.platform, {
      ...everything,
      // Directories belong to the user; those stay.
      settings: { ...everything.settings, user: "nixfleet-agent" },
      isDarwin: true,
      package: "/nix/store/another-agent",
    });
    for (const job of ["com.nixfleet.runner.plist", "com.nixfleet.deadman.plist"]) {
      expect(other.files[job], `${request.platform} ${job}`).toBe(one.files[job]);
      expect(one.files[job]).toContain("AbandonProcessGroup");
    }
    expect(other.files["com.nixfleet.agent.plist"]).not.toBe(one.files["com.nixfleet.agent.plist"]);
  }
});

test("R58: the token is in no unit, job or script, and neither its file nor another secret one is the daemon's to name", async () => {
  await using dir = await createTempDir();
  const { files } = await evaluateModule(dir.path, "nixos", everything);
  const daemon = files["nixfleet-agent.service"] ?? "";
  expect(daemon).toContain('Environment="NIXFLEET_TOKEN_FILE=%d/token"');
  expect(daemon).toContain("LoadCredential=token:/run/agenix/nixfleet-token");
  expect(daemon).not.toMatch(/NIXFLEET_TOKEN=|deploy-key|git-credentials/);
});

function asText({ files, made, also }: Evaluated): string {
  const part = ([name, text]: [string, string]) => `──── ${name}\n${text.trimEnd()}\n`;
  return [...Object.entries(files), ...Object.entries(made)]
    .map(part)
    .concat(part(["beside it", JSON.stringify(also, null, 2)]))
    .join("\n");
}
