import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Platform } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { type Evaluated, evaluateModule, type ModuleRequest } from "./evaluate.ts";
import { everything, least } from "./sample-settings.fixture.ts";

const run = promisify(execFile);

/** What a unit gives its service, as systemd.exec(5) reads it. */
function unitEnvironment(unit: string): Record<string, string> {
  const entries = [...unit.matchAll(/^Environment=(".*")$/gm)].map(([, quoted]) => {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(JSON.parse(quoted ?? "")) ?? [];
    return [name, value.replaceAll("%%", "%")] as const;
  });
  return Object.fromEntries(entries);
}

/** Runs a script of the module's in the environment of a person's session; `program` prints what it is given. */
async function scriptEnvironment(script: string, directory: string): Promise<Record<string, string>> {
  const path = join(directory, "script");
  await writeFile(path, script, { mode: 0o755 });
  const session = {
    PATH: "/opt/of-a-person/bin",
    HOME: "/home/ada",
    https_proxy: "http://proxy-of-a-person:1",
    SSL_CERT_DIR: "/none",
  };
  const { stdout } = await run(path, [], { env: session });
  const entries = stdout.split("\0").map((entry) => /^(\w+)=(.*)$/s.exec(entry));
  return Object.fromEntries(entries.flatMap((found) => (found === null ? [] : [[found[1], found[2]]])));
}

/** The files that a module makes, with an agent that prints its environment. */
async function withPrintingAgent(directory: string, platform: Platform, request: ModuleRequest): Promise<Evaluated> {
  const agent = join(directory, "agent");
  await mkdir(join(agent, "bin"), { recursive: true });
  await writeFile(join(agent, "bin/nixfleet-agent"), "#!/bin/sh\nexec /usr/bin/env -0\n");
  await chmod(join(agent, "bin/nixfleet-agent"), 0o755);
  return evaluateModule(directory, platform, { ...request, package: agent, packagesAt: "/usr" });
}

const command = ({ made, also }: Evaluated) => made[(also["commands"] as string[])[0] ?? ""] ?? "";

const proxied = {
  networking: {
    proxy: { envVars: { https_proxy: "http://proxy.example.org:3128", no_proxy: "127.0.0.1,localhost,.intern" } },
  },
  security: { pki: { certificates: ["own"] } },
};

test("R36: on NixOS the command of a person has what runner and daemon have, and nothing that only the person has", async () => {
  await using dir = await createTempDir();
  const evaluated = await withPrintingAgent(dir.path, "nixos", { ...everything, host: proxied });
  const {
    NIXFLEET_TOKEN_FILE: credential,
    PATH: _,
    ...daemon
  } = unitEnvironment(evaluated.files["nixfleet-agent.service"] ?? "");
  const runner = unitEnvironment(evaluated.files["nixfleet-runner.service"] ?? "");
  const { PWD: __, ...byHand } = await scriptEnvironment(command(evaluated), dir.path);
  expect(byHand).toEqual({ ...daemon, ...runner, NIXFLEET_TOKEN_FILE: "/run/agenix/nixfleet-token" });
  expect(credential).toBe("%d/token");
  expect(runner).toMatchObject({
    https_proxy: "http://proxy.example.org:3128",
    no_proxy: "127.0.0.1,localhost,.intern",
    NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt",
    HOME: "/root",
  });
});

test("R36: on nix-darwin the command of a person has what the runner has", async () => {
  await using dir = await createTempDir();
  const evaluated = await withPrintingAgent(dir.path, "darwin", everything);
  const etc = evaluated.also["etc"] as Record<string, string>;
  // launchd gives its jobs nothing of a person's session, which this test gives to both scripts.
  const script = evaluated.made[etc["nixfleet-agent/runner"] ?? ""] ?? "";
  const { https_proxy: _, SSL_CERT_DIR: __, ...runner } = await scriptEnvironment(script, dir.path);
  const byHand = await scriptEnvironment(command(evaluated), dir.path);
  expect(byHand).toMatchObject(runner);
  for (const name of ["https_proxy", "SSL_CERT_DIR"]) expect(byHand).not.toHaveProperty(name);
});

test("R36: in a home the command of a person finds the programs of the services, and has the way of the session to the network", async () => {
  await using dir = await createTempDir();
  const evaluated = await withPrintingAgent(dir.path, "home-manager", everything);
  const byHand = await scriptEnvironment(command(evaluated), dir.path);
  expect(byHand).toMatchObject(unitEnvironment(evaluated.files["nixfleet-runner.service"] ?? ""));
  expect(byHand).toMatchObject({ https_proxy: "http://proxy-of-a-person:1", HOME: "/home/ada" });
});

test.for(["nixos", "darwin", "home-manager"] as const)(
  "R36: %s: where OpenPGP keys sign, gpg is found by hand as well",
  async (platform) => {
    await using dir = await createTempDir();
    expect(command(await evaluateModule(dir.path, platform, everything))).toMatch(/^export PATH=.*-gnupg\/bin:/m);
    expect(command(await evaluateModule(dir.path, platform, least))).not.toContain("gnupg");
  },
);

test.for([
  { pki: {}, named: false },
  { pki: { certificateFiles: ["/etc/own-authority.pem"] }, named: true },
  { pki: { certificates: ["own"] }, named: true },
  { pki: { certificateFiles: ["/etc/own-authority.pem"], installCACerts: false }, named: false },
])("R32: NixOS: the host's own certificate authorities are named to the agent where it has any: $pki", async ({ pki, named }) => {
  await using dir = await createTempDir();
  const evaluated = await evaluateModule(dir.path, "nixos", { ...least, host: { security: { pki } } });
  for (const text of [
    evaluated.files["nixfleet-agent.service"],
    evaluated.files["nixfleet-runner.service"],
    command(evaluated),
  ]) {
    expect(/NODE_EXTRA_CA_CERTS=\/etc\/ssl\/certs\/ca-certificates\.crt/.test(text ?? "")).toBe(named);
  }
});
