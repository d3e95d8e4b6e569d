import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { type Evaluated, evaluateModule } from "./evaluate.ts";
import { least } from "./sample-settings.fixture.ts";

/** What the runner, the daemon and the command are started with. */
function settingsOf({ made }: Evaluated): Record<"daemon" | "runner" | "command", string> {
  const script = (name: string) => made[Object.keys(made).find((path) => path.endsWith(name)) ?? ""] ?? "";
  return { daemon: script("-nixfleet-daemon"), runner: script("-nixfleet-runner"), command: script("-nixfleet-agent") };
}

test("the user's home is the name that macOS writes down, so that the second activation does not find it wrong", async () => {
  await using dir = await createTempDir();
  const { also } = await evaluateModule(dir.path, "darwin", least);
  expect(also).toMatchObject({ users: { "nixfleet-agent": { home: "/private/var/lib/nixfleet-agent" } } });
  // Its parent is there before the user is, also when the first activation gets no further.
  expect(also).toMatchObject({
    activation: { extraActivation: expect.stringMatching(/^\/usr\/bin\/install -d .* \/var\/lib\n$/) },
  });
});

// modules/misc/ids.nix and modules/services of nix-darwin a1fa429 (18 June 2026).
test.for([
  ["hydra", 530],
  ["ofborg", 531],
  ["gitlab-runner", 532],
  ["_github-runner", 533],
  ["_prometheus-node-exporter", 534],
  ["_dnscrypt-proxy", 535],
] as const)("the agent's user can be beside nix-darwin's own %s, which has the id %i", async ([name, id]) => {
  await using dir = await createTempDir();
  const account = { [name]: { uid: id, gid: id } };
  const host = { users: { users: account, groups: { [name]: { gid: id } }, knownUsers: [name], knownGroups: [name] } };
  await expect(evaluateModule(dir.path, "darwin", { ...least, host })).resolves.toMatchObject({ failed: [] });
  const same = { ...least, host, settings: { ...least.settings, uid: id } };
  await expect(evaluateModule(dir.path, "darwin", same)).rejects.toThrow(new RegExp(`users\\.[gu]ids\\.${id}' has conflicting`));
});

test("R75: on nix-darwin a host goes by networking.localHostName, as for darwin-rebuild, unless it says another name", async () => {
  await using dir = await createTempDir();
  const host = { networking: { localHostName: "Adas-Mac" } };
  const named = settingsOf(await evaluateModule(dir.path, "darwin", { ...least, host }));
  const other = { ...least, host, settings: { ...least.settings, hostname: "mini" } };
  const renamed = settingsOf(await evaluateModule(dir.path, "darwin", other));
  const unnamed = settingsOf(await evaluateModule(dir.path, "darwin", least));
  for (const which of ["daemon", "runner", "command"] as const) {
    expect(named[which]).toContain("\nexport NIXFLEET_HOSTNAME=Adas-Mac\n");
    expect(renamed[which]).toContain("\nexport NIXFLEET_HOSTNAME=mini\n");
    expect(unnamed[which]).not.toContain("NIXFLEET_HOSTNAME");
  }
});

test("R75: on nix-darwin Nix is asked through its daemon, also by root", async () => {
  await using dir = await createTempDir();
  const { runner, command } = settingsOf(await evaluateModule(dir.path, "darwin", least));
  for (const script of [runner, command]) expect(script).toContain("\nexport NIX_REMOTE=daemon\n");
});

test.for([
  ["none but the usual ones", { certificateFiles: ["/nix/store/cacert"] }, false],
  ["a file", { certificateFiles: ["/nix/store/cacert", "/etc/nixfleet/ca.pem"] }, true],
  ["a text", { certificateFiles: ["/nix/store/cacert"], certificates: ["-----BEGIN CERTIFICATE-----"] }, true],
  ["a file that nix-darwin does not install", { certificateFiles: ["/a", "/b"], installCACerts: false }, false],
] as const)("R75: own certificate authorities of a host (%s) are the agent's: %s", async ([, pki, isExtra]) => {
  await using dir = await createTempDir();
  const scripts = settingsOf(await evaluateModule(dir.path, "darwin", { ...least, host: { security: { pki } } }));
  const setting = "\nexport NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n";
  for (const script of Object.values(scripts)) expect(script.includes(setting)).toBe(isExtra);
});
