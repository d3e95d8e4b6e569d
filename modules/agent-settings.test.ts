import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OpName } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import { expect, test } from "vitest";
import { evaluateModule, type ModuleRequest } from "./evaluate.ts";
import { everything } from "./sample-settings.fixture.ts";

/** The environment that a unit gives, as systemd.exec(5) reads it; files of the store are those below `root`. */
function environmentOf(unit: string, root: string, credentials: string): Record<string, string> {
  const entries = [...unit.matchAll(/^Environment=(".*")$/gm)].map(([, quoted]) => {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(JSON.parse(quoted ?? "")) ?? [];
    const meant = value.replace(/%(.)/g, (_, letter) => (letter === "d" ? credentials : letter));
    return [name, meant.replace(/^\/nix\/store\/(?=[0-9a-z]{32}-nixfleet-)/, `${root}/nix/store/`)];
  });
  return Object.fromEntries(entries);
}

/** What the built agent says of its settings: `check` reads those of the daemon, which are all. */
function check(env: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    // It fails, since there is no dashboard; what it says is what is asked for.
    execFile(process.execPath, [builtProgram("agent"), "check"], { env }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

test.for(["nixos", "home-manager"] as const)(
  "%s: every option ends as a setting that the agent knows and takes",
  async (platform) => {
    await using dir = await createTempDir();
    await writeFile(join(dir.path, "token"), "a-token-of-this-test");
    const request: ModuleRequest = {
      ...everything,
      settings: {
        ...everything.settings,
        url: "ws://127.0.0.1:1/fleet",
        repoUrl: join(dir.path, "no-repository"),
        tokenFile: join(dir.path, "token"),
      },
    };
    const { files } = await evaluateModule(dir.path, platform, request);
    const of = (unit: string) => environmentOf(files[unit] ?? "", join(dir.path, "root"), dir.path);
    const [daemon, runner] = [of("nixfleet-agent.service"), of("nixfleet-runner.service")];
    const said = await check({ ...daemon, ...runner, PATH: process.env["PATH"] ?? "" });
    expect(said).toContain("every setting is valid\n");
    expect(said).not.toMatch(/NIXFLEET_\w+ (is|does)/);

    // And the other way: a setting that no option gives would be out of a host's reach.
    const help = await new Promise<string>((resolve) =>
      execFile(process.execPath, [builtProgram("agent"), "--help"], (_error, stdout) => resolve(stdout)),
    );
    const known = [...help.matchAll(/^ *(NIXFLEET_\w+)$/gm)].map(([, name = ""]) => name);
    const given = new Set([...Object.keys(daemon), ...Object.keys(runner)].map((name) => name));
    const missing = known.filter((name) => !given.has(name) && !given.has(`${name}_FILE`));
    // Of hosts that share a machine, for demo and tests: no module's.
    expect(missing).toEqual(["NIXFLEET_SYSTEM_ROOT"]);
  },
);

test("the ops that an option may name are those of the protocol; else run modules/write-options.ts", async () => {
  const listed: unknown = JSON.parse(await readFile(join(import.meta.dirname, "ops.json"), "utf8"));
  expect(listed).toEqual(OpName.options);
});
