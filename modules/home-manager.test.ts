import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Platform } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { evaluateModule } from "./evaluate.ts";
import { least } from "./sample-settings.fixture.ts";

const run = promisify(execFile);

// What `config.age.secrets.nixfleet-token.path` is in a home: modules/age-home.nix of agenix b027ee2 (February 2026). It is text for
// a shell, and not a path. Look at `userDirectory` there to hold it again.
const agenix = {
  linux: `\${XDG_RUNTIME_DIR}/agenix/nixfleet-token`,
  darwin: "$(/nix/store/q1dbvf7nnj6vhrhf1b4dvmflq4i6l5j3-getconf/bin/getconf DARWIN_USER_TEMP_DIR)/agenix/nixfleet-token",
};
const withToken = (tokenFile: string) => ({ ...least, settings: { ...least.settings, tokenFile } });

test("R75: a token that agenix decrypts for a home is found by the unit, and by the command that a person types", async () => {
  await using dir = await createTempDir();
  const { failed, files, made } = await evaluateModule(dir.path, "home-manager", withToken(agenix.linux));
  expect(failed).toEqual([]);
  expect(files["nixfleet-agent.service"]).toContain('Environment="NIXFLEET_TOKEN_FILE=%t/agenix/nixfleet-token"\n');
  const command = made[Object.keys(made).find((path) => path.endsWith("-nixfleet-agent")) ?? ""] ?? "";
  const setting = command.split("\n").filter((line) => line.startsWith("export NIXFLEET_TOKEN_FILE="));
  const { stdout } = await run("/bin/sh", ["-c", `${setting.join("\n")}\nprintf %s "$NIXFLEET_TOKEN_FILE"`], {
    env: { XDG_RUNTIME_DIR: "/run/user/1000 of ada" },
  });
  expect(stdout).toBe("/run/user/1000 of ada/agenix/nixfleet-token");
});

test("R75: on macOS, a token that agenix decrypts for a home is found by the job", async () => {
  await using dir = await createTempDir();
  const { failed, made } = await evaluateModule(dir.path, "home-manager", { ...withToken(agenix.darwin), isDarwin: true });
  expect(failed).toEqual([]);
  const daemon = made[Object.keys(made).find((path) => path.endsWith("-nixfleet-daemon")) ?? ""] ?? "";
  expect(daemon).toContain('\nexport NIXFLEET_TOKEN_FILE="$(/usr/bin/getconf DARWIN_USER_TEMP_DIR)"/agenix/nixfleet-token\n');
});

test("text for a shell is a token's path in a home alone, and only as agenix writes it", async () => {
  await using dir = await createTempDir();
  for (const [platform, file] of [
    ["nixos", agenix.linux],
    ["darwin", agenix.darwin],
    ["home-manager", agenix.darwin],
    ["home-manager", "$HOME/token"],
    ["home-manager", "$XDG_RUNTIME_DIRECTORY/token"],
  ] as const) {
    const { failed } = await evaluateModule(dir.path, platform, withToken(file));
    expect(failed).toEqual([`services.nixfleet-agent.tokenFile is ${file}: an absolute path is expected.`]);
  }
});

test.for(Platform.options)("%s: files that are paths of the Nix language are copied into the store", async (platform) => {
  await using dir = await createTempDir();
  await mkdir(join(dir.path, "config"));
  const file = async (name: string, text: string) => {
    const path = join(dir.path, "config", name);
    await writeFile(path, text, { mode: 0o755 });
    return path;
  };
  const { files, made } = await evaluateModule(dir.path, platform, {
    ...least,
    paths: {
      knownHostsFile: await file("known-hosts", "git.example.org ssh-ed25519 AAAA\n"),
      activationCommand: await file("activate", "#!/bin/sh\n"),
    },
  });
  const texts = [...Object.values(files), ...Object.values(made)].join("\n");
  for (const [setting, name] of [
    ["KNOWN_HOSTS_FILE", "known-hosts"],
    ["ACTIVATION_COMMAND", "activate"],
  ]) {
    const path = new RegExp(`NIXFLEET_${setting}=(/nix/store/\\w{32}-${name})\\b`).exec(texts)?.[1];
    expect(made[path ?? ""], `${setting} in ${platform}`).toMatch(/git\.example\.org|bin\/sh/);
  }
});
