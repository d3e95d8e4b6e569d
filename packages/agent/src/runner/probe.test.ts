import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createCloneOf, readHostFacts } from "./facts.ts";
import { createTestHost, eventsOf } from "./host.fixture.ts";

test("R27: a repository that cannot be read is a fact of the host before anybody pulls, and goes when it can be read", async () => {
  await using host = await createTestHost({ host: {} });
  const { runnerDir, branch, flakeDir, hostname } = host.config;
  const { platform, clock } = host.deps;
  const cloneFact = async () => {
    const reading = { clone: createCloneOf(host.deps), platform, runnerDir, branch, flakeDir, hostname, now: clock.now };
    return (await readHostFacts(reading)).facts.clone;
  };
  expect(await host.run({ config: { ...host.config, branch: "nowhere" } })).toEqual({ kind: "done", runs: 0 });
  expect(await cloneFact()).toMatchObject({ commit: null, problem: { code: "branch-missing" } });
  await host.run();
  expect((await cloneFact())?.problem).toBeUndefined();
});

test("R27: looking at a repository that does not answer gives way to a request at once", async () => {
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const repoUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/config.git`;
  const connected = new Promise((resolve) => server.once("connection", resolve));
  await using host = await createTestHost({ config: { repoUrl } });
  const running = host.run();
  await connected;
  const runId = await host.ask("refresh");
  expect(await running).toEqual({ kind: "done", runs: 1 });
  server.close();
  expect(eventsOf(await host.events(runId), "finished")[0]?.outcome).toEqual({ state: "succeeded" });
});
