import { createFlakeFixture } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";

test("a flake in a folder of the repository: it is switched to, and its lock file and the host's tests are those of the folder", async () => {
  await using flake = await createFlakeFixture({ folder: "machines/nix" });
  await using host = await createTestHost({ flake, config: { flakeDir: "machines/nix" } });
  const tests = { "T01-where.sh": "#!/bin/sh\npwd\n" };
  const commit = await flake.commitFlake("one", {
    hosts: { gate: { tests } },
    // What is at the root is another flake's.
    more: { "../../flake.lock": "no lock file of this flake", "../../hosts/gate/tests/T02-other.sh": "exit 1\n" },
  });
  const { runId, outcome } = await host.doRun("switch", {}, { commit });
  expect(outcome).toEqual({ state: "succeeded" });
  const facts = eventsOf(await host.events(runId), "finished")[0]?.proof?.facts;
  expect(facts).toMatchObject({ lock: { hash: expect.any(String) }, tests: { defined: 1 }, clone: { commit } });
  const tested = await host.doRun("test");
  expect(tested.outcome).toEqual({ state: "succeeded", reason: "1 test passed" });
  expect(logText(await host.events(tested.runId)).at(-1)).toBe(`${host.config.runnerDir}/repo/machines/nix`);
});
