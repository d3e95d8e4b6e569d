import { createGitFixture } from "@nixfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitServer, startGitServer } from "./git-server.ts";
import { createPackage, type HostConfiguration } from "./host-configuration.ts";
import { HOST_KIND_NAMES, type HostKind } from "./host-kinds.ts";
import { WITH_FLAKES } from "./install.ts";
import { type Lab, startLab } from "./lab.ts";

/** Flakes in a folder of their repository, with an input that only its readers may read, by the Nix of each kind of host. */
const READER = { user: "reader", password: "s3cret-password" } as const;
const FOLDER = "machines/nix";
const CREDENTIALS = "/etc/nixfleet/git-credentials";

let lab: Lab;
let secret: { server: GitServer; url: string; lock: string };

beforeAll(async () => {
  lab = await startLab();
  const repository = await createGitFixture({ directory: `${lab.claim.directory}/private` });
  await repository.commit("Begin", { words: "what readers read\n" });
  const server = await startGitServer(repository.origin, new URL(lab.repoUrl).hostname, READER);
  secret = { server, url: `git+${server.url}?ref=main`, lock: "" };
  secret.lock = await lockByAuthor();
});
afterAll(async () => {
  await secret.server[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

/** The hosts below the folder; whoever evaluates them needs what the inputs hold. */
const flake = (inputs: string, condition: string) => `{
  ${inputs}
  outputs =
    inputs@{ self, ... }:
    assert ${condition};
    import ../../fleet.nix {
      inherit self;
      hostsDirectory = ./hosts;
    };
}
`;
const emptyLock = `${JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }, null, 2)}\n`;
const inFolder = (path: string) => `${FOLDER}/${path}`;
const hostFile = (name: string, configuration: HostConfiguration) => ({
  [inFolder(`hosts/${name}/host.json`)]: `${JSON.stringify(configuration, null, 2)}\n`,
});
const withHello = (now: HostConfiguration, version: string) => ({ ...now, packages: { hello: createPackage(version) } });
/** As git-credential-store(1) has it. */
const lineFor = (password: string) => `${secret.server.url.replace("://", `://${READER.user}:${password}@`)}\n`;

async function switchTo(name: string, commit: string) {
  const { summary, outcome } = await lab.perform(name, "switch", { commit });
  const log = await lab.logOf(summary.id);
  const { state } = summary;
  return {
    end: outcome?.code == null ? state : `${state} ${outcome.code}`,
    log,
    said: `${outcome?.reason}\n${log.slice(-3000)}`,
  };
}

/** With an input that only its readers may read. */
const withSecret = () =>
  flake(
    `inputs.secret = { url = "${secret.url}"; flake = false; };`,
    `builtins.readFile "\${inputs.secret}/words" == "what readers read\\n"`,
  );

/**
 * Its lock file, as the newest Nix writes it for somebody who may read the input. On a machine of the author's: where it was locked it
 * is in the store, and nothing has to be fetched.
 */
async function lockByAuthor(): Promise<string> {
  const author = await lab.addHost("author", { wait: false });
  await author.writeFile("/root/flake/flake.nix", withSecret());
  await author.writeFile("/root/credentials", lineFor(READER.password));
  const env = {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "credential.helper",
    GIT_CONFIG_VALUE_0: "store --file=/root/credentials",
  };
  const argv = ["/bin/sh", "-c", `nix ${WITH_FLAKES} flake lock path:/root/flake`] as const;
  const { exitCode, stderr } = await author.exec(argv, { env });
  expect(exitCode, stderr).toBe(0);
  return author.readFile("/root/flake/flake.lock");
}

test.each(HOST_KIND_NAMES)(
  "R75, R76: on %s, a flake in a folder is switched to, and a private input is fetched with the configured credentials alone",
  async (kind: HostKind) => {
    const name = `folder-${kind}`;
    const settings = { flakeDir: FOLDER, gitCredentialsFile: CREDENTIALS };
    const host = await lab.addHost(name, { kind, settings });
    const plain = lab.config.configuration(name);

    const inAFolder = await lab.config.commit(
      `${name}: in a folder`,
      {},
      {
        ...hostFile(name, withHello(plain, "2.13")),
        [inFolder("flake.nix")]: flake("", "true"),
        [inFolder("flake.lock")]: emptyLock,
        [inFolder(`hosts/${name}/tests/T01-hello.sh`)]: '#!/bin/sh\ntest "$(hello)" = "hello 2.13"\n',
      },
    );
    const first = await switchTo(name, inAFolder);
    expect(first.end, first.said).toBe("succeeded");
    expect(await host.run("hello")).toBe("hello 2.13");
    const tests = await lab.perform(name, "test");
    expect(tests.outcome?.reason).toBe("1 test passed");

    const withInput = await lab.config.commit(
      `${name}: a private input`,
      {},
      {
        ...hostFile(name, withHello(plain, "2.14")),
        [inFolder("flake.nix")]: withSecret(),
        [inFolder("flake.lock")]: secret.lock,
      },
    );
    await host.writeFile(CREDENTIALS, lineFor("another-password"));
    const refused = await switchTo(name, withInput);
    expect(refused.end, refused.said).toBe("failed auth-failed");
    expect(await host.run("hello")).toBe("hello 2.13");

    await host.writeFile(CREDENTIALS, lineFor(READER.password));
    const fetched = await switchTo(name, withInput);
    expect(fetched.end, fetched.said).toBe("succeeded");
    expect(await host.run("hello")).toBe("hello 2.14");
    expect(fetched.log + refused.log).not.toContain(READER.password);
  },
);
