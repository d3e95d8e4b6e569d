import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createGitFixture } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createTestHost, logText } from "./host.fixture.ts";

const TOKEN = "s3cret-token";

/** A private repository on a web server that gives files to whoever has the token. */
async function servePrivateRepository() {
  const scope = new AsyncDisposableStack();
  const repository = scope.use(await createGitFixture({ shared: true }));
  const commit = await repository.commit("first", { secret: "what the private repository holds" });
  await repository.git("--git-dir", repository.origin, "update-server-info");
  const expected = `Basic ${Buffer.from(`me:${TOKEN}`).toString("base64")}`;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    readFile(join(repository.origin, new URL(request.url ?? "/", "http://h").pathname)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, commit, [Symbol.asyncDispose]: () => scope.disposeAsync() };
}

/** A flake whose evaluation ends with this expression's text as its error. */
const flakeThatSays = (expression: string, inputs = "") =>
  `{ ${inputs} outputs = _: { nixosConfigurations.gate.config.system.build.toplevel.drvPath = throw (${expression}); }; }\n`;

test("R76: a second private repository is fetched with the credentials of its server; without any, it is named as what fails", async () => {
  await using repository = await servePrivateRepository();
  const { url, commit } = repository;
  await using host = await createTestHost({ host: {} });
  const fetched = `builtins.fetchGit { url = "${url}"; rev = "${commit}"; ref = "main"; }`;
  await host.flake.commit("private", { "flake.nix": flakeThatSays(`builtins.readFile "\${${fetched}}/secret"`) });

  const refused = await host.doRun("preview");

  expect(refused.outcome).toMatchObject({
    state: "failed",
    code: "auth-failed",
    firstError: expect.stringContaining("could not read Username"),
  });

  const credentialsFile = join(host.root, "credentials");
  await writeFile(credentialsFile, `${url.replace("://", `://me:${TOKEN}@`)}\n`);
  const config = { ...host.config, credentials: { credentialsFile } };
  const runId = await host.ask("preview");
  await host.run({ config });

  expect(await host.outcome(runId)).toMatchObject({
    code: "evaluation-failed",
    firstError: "what the private repository holds",
  });
  const events = await host.events(runId);
  expect(JSON.stringify(events)).not.toContain(TOKEN);
  expect(logText(events).join("\n")).toContain("what the private repository holds");
});

test("R76: a lock file that was not committed, and one that lacks an input, are named as such, and no host changes them", async () => {
  await using host = await createTestHost({ host: {} });
  await using input = await createGitFixture();
  await input.commit("first", { "flake.nix": "{ outputs = _: { }; }\n" });
  const flake = flakeThatSays('"never evaluated"', `inputs.a.url = "git+file://${input.workTree}?ref=main";`);
  await host.flake.commit("outdated", { "flake.nix": flake });
  expect((await host.doRun("preview")).outcome).toMatchObject({ state: "failed", code: "lock-outdated" });
  await host.flake.commit("none", { "flake.lock": null });
  expect((await host.doRun("preview")).outcome).toMatchObject({ state: "failed", code: "lock-missing" });
});

test("R76: with the option, the flake is evaluated with its submodules, fetched with the same credentials", async () => {
  await using repository = await servePrivateRepository();
  const { url, commit } = repository;
  await using host = await createTestHost({ host: {} });
  const modules = `[submodule "lib"]\n\tpath = lib\n\turl = ${url}\n`;
  await host.flake.commitLocally("flake", {
    "flake.nix": flakeThatSays("builtins.readFile ./lib/secret"),
    ".gitmodules": modules,
  });
  await host.flake.git("update-index", "--add", "--cacheinfo", `160000,${commit},lib`);
  await host.flake.git("commit", "--quiet", "--message", "submodule");
  await host.flake.push();
  const credentialsFile = join(host.root, "credentials");
  await writeFile(credentialsFile, `${url.replace("://", `://me:${TOKEN}@`)}\n`);
  const preview = async (submodules: boolean) => {
    const runId = await host.ask("preview");
    await host.run({ config: { ...host.config, credentials: { credentialsFile }, submodules } });
    return host.outcome(runId);
  };
  expect(await preview(false)).toMatchObject({ state: "failed", firstError: expect.stringContaining("lib/secret") });
  expect(await preview(true)).toMatchObject({ state: "failed", firstError: "what the private repository holds" });
});
