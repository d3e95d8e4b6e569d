import { OpName } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { evaluateModule } from "./evaluate.ts";
import { least } from "./sample-settings.fixture.ts";

const option = "services.nixfleet-agent";

const forbidden: readonly { title: string; settings: Record<string, unknown>; sentence: string }[] = [
  {
    title: "a token in the store",
    settings: { tokenFile: "/nix/store/00000000000000000000000000000000-token" },
    sentence: `${option}.tokenFile is in the store, where every user can read it. Give the path of a file that is made on the host, for example by agenix or sops-nix.`,
  },
  {
    title: "an ssh key in the store",
    settings: { sshKeyFile: "/nix/store/00000000000000000000000000000000-key" },
    sentence: `${option}.sshKeyFile is in the store, where every user can read it. Give the path of a file that is made on the host, for example by agenix or sops-nix.`,
  },
  {
    title: "a token's path that is relative",
    settings: { tokenFile: "token" },
    sentence: `${option}.tokenFile is token: an absolute path is expected.`,
  },
  ...[
    "ftp://fleet.example.org",
    "fleet.example.org",
    "https://me:secret@fleet.example.org",
    "https://fleet.example.org/?a=1",
  ].map((url) => ({
    title: `the address ${url}`,
    settings: { url },
    sentence: `${option}.url: an address that begins with https://, http://, wss:// or ws:// is expected, without user name, query or fragment.`,
  })),
  ...["/nix", "nix/", "../nix", "a/../b", ".", "a b", "a/.git"].map((flakeDir) => ({
    title: `the folder ${flakeDir}`,
    settings: { flakeDir },
    sentence: `${option}.flakeDir is ${flakeDir}: the path of a folder within the repository is expected, such as nix or hosts/nix.`,
  })),
  {
    title: "an op that there is not",
    settings: { allowedOps: ["pull", "shell"] },
    sentence: `${option}.allowedOps names shell: the ops are ${OpName.options.join(", ")}.`,
  },
  {
    title: "no op at all, which the agent would read as all of them",
    settings: { allowedOps: [] },
    sentence: `${option}.allowedOps is empty: a host that does nothing at all needs no agent. "refresh" is the least.`,
  },
  {
    title: "signatures that no key can make",
    settings: { signing: { required: true } },
    sentence: `${option}.signing.required is set, and neither allowedSigners nor openpgpKeys names a key: nothing could ever be deployed.`,
  },
  {
    title: "a health check without what it needs",
    settings: { healthChecks: [{ kind: "http", url: "http://localhost" }, { kind: "tcp" }] },
    sentence: `${option}.healthChecks, number 2, of kind tcp: host and port must be set.`,
  },
  {
    title: "a health check with what belongs to another kind",
    settings: { healthChecks: [{ kind: "command", argv: ["/bin/true"], port: 80 }] },
    sentence: `${option}.healthChecks, number 1, of kind command: port means nothing there.`,
  },
  {
    title: "a health check of another scheme",
    settings: { healthChecks: [{ kind: "http", url: "localhost:8080" }] },
    sentence: `${option}.healthChecks, number 1, of kind http: url begins with neither http:// nor https://.`,
  },
  {
    title: "a command that is looked for in PATH",
    settings: { healthChecks: [{ kind: "command", argv: ["true"] }] },
    sentence: `${option}.healthChecks, number 1, of kind command: argv begins with no absolute path. The service's PATH is not yours.`,
  },
];

test.for(forbidden)("$title is refused with a sentence", async ({ settings, sentence }) => {
  await using dir = await createTempDir();
  const { failed, files } = await evaluateModule(dir.path, "nixos", { settings: { ...least.settings, ...settings } });
  expect(failed).toEqual([sentence]);
  expect(files).toEqual({});
});

test.for(["darwin", "home-manager"] as const)("%s refuses the same", async (platform) => {
  await using dir = await createTempDir();
  const settings = { ...least.settings, url: "fleet.example.org", allowedOps: ["shell"] };
  const { failed } = await evaluateModule(dir.path, platform, { settings });
  expect(failed).toHaveLength(2);
});

const unfit: readonly { title: string; settings: Record<string, unknown>; says: RegExp }[] = [
  {
    title: "an option that there is not",
    settings: { intervall: 5 },
    says: /services\.nixfleet-agent\.intervall' does not exist/,
  },
  {
    title: "a value of another type",
    settings: { branch: 5 },
    says: /services\.nixfleet-agent\.branch' is not of type `string'/,
  },
  { title: "a number out of range", settings: { confirmTimeout: 3601 }, says: /integer between 0 and 3600/ },
  { title: "an unknown device", settings: { deviceType: "toaster" }, says: /deviceType' is not of type `one of "server"/ },
  { title: "a colour by name", settings: { themeColor: "blue" }, says: /themeColor' is not of type/ },
  { title: "an unknown kind of check", settings: { healthChecks: [{ kind: "ping" }] }, says: /kind' is not of type/ },
  { title: "a tag with a comma", settings: { tags: ["a,b"] }, says: /tags/ },
];

test.for(unfit)("$title does not evaluate", async ({ settings, says }) => {
  await using dir = await createTempDir();
  await expect(evaluateModule(dir.path, "nixos", { settings: { ...least.settings, ...settings } })).rejects.toThrow(says);
});

test.for(["url", "tokenFile", "repoUrl"])("without %s nothing evaluates, and the option is named", async (name) => {
  await using dir = await createTempDir();
  const { [name]: _, ...settings } = least.settings;
  await expect(evaluateModule(dir.path, "nixos", { settings })).rejects.toThrow(
    `services.nixfleet-agent.${name}' was accessed but has no value defined`,
  );
});
