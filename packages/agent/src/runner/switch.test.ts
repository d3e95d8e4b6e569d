import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";

test("a switch fetches, evaluates, builds, diffs, activates, and proves what runs", async () => {
  await using host = await createTestHost({ host: { packages: 3, tests: { "T1.sh": "#!/bin/sh\ntrue\n" } } });
  const commit = await host.flake.git("rev-parse", "HEAD");

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  expect(eventsOf(events, "phase").map(({ phase }) => phase)).toEqual(["fetch", "evaluate", "build", "diff", "activate"]);
  const [deployed] = eventsOf(events, "deployed");
  const closure = deployed?.deployment.closure;
  expect(await host.activations()).toEqual([`switch ${closure}`]);
  expect(deployed?.deployment).toMatchObject({ commit, runId, mode: "switch", generation: 1 });
  expect(eventsOf(events, "diff")[0]?.diff.added.map(({ name }) => name)).toContain("part1");
  const [finished] = eventsOf(events, "finished");
  expect(finished?.proof?.facts).toMatchObject({
    clone: { commit, fetchedAt: expect.any(Number) },
    running: { closure, revision: commit },
    profile: { closure, generation: 1 },
    generations: [{ number: 1, current: true, commit }],
    tests: { defined: 1 },
  });
  expect(logText(events)).toContain("part1> part 1 line 1");
  expect(eventsOf(events, "progress").at(-1)?.progress.builds).toMatchObject({ done: 4, expected: 4, running: 0, failed: 0 });
  expect(eventsOf(events, "command").at(-1)?.argv).toEqual([`${closure}/bin/switch-to-configuration`, "switch"]);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
});

test("mode boot sets the profile and leaves what runs; mode test activates and leaves the profile", async () => {
  await using host = await createTestHost({ host: { version: "1.0" } });
  const first = await host.flake.git("rev-parse", "HEAD");
  const boot = await host.doRun("switch", { mode: "boot" }, { commit: first });
  expect(boot.outcome).toEqual({ state: "succeeded" });
  const booted = eventsOf(await host.events(boot.runId), "finished")[0]?.proof?.facts;
  expect(booted?.running).toBeUndefined();
  expect(booted?.profile).toMatchObject({ generation: 1 });

  const second = await host.flake.commitFlake("newer", { hosts: { gate: { version: "2.0" } } });
  const tried = await host.doRun("switch", { mode: "test" }, { commit: second });
  expect(tried.outcome).toEqual({ state: "succeeded" });
  const facts = eventsOf(await host.events(tried.runId), "finished")[0]?.proof?.facts;
  expect(facts?.profile).toEqual(booted?.profile);
  expect(facts?.running?.closure).not.toBe(booted?.profile?.closure);
  expect(eventsOf(await host.events(tried.runId), "deployed")[0]?.deployment).toMatchObject({ mode: "test", commit: second });
});

test("a commit that is no descendant of the last deployed one needs the host's permission and force", async () => {
  await using host = await createTestHost({ host: { version: "1.0" } });
  const old = await host.flake.git("rev-parse", "HEAD");
  const newer = await host.flake.commitFlake("newer", { hosts: { gate: { version: "2.0" } } });
  expect((await host.doRun("switch", {}, { commit: newer })).outcome.state).toBe("succeeded");

  const refused = { state: "refused", code: "not-fast-forward" };
  expect((await host.doRun("switch", { commit: old })).outcome).toMatchObject(refused);
  expect((await host.doRun("switch", { commit: old }, { force: true })).outcome).toMatchObject(refused);
  const allowing = { ...host.deps, config: { ...host.config, allowRewind: true } };
  const unforced = await host.ask("switch", { commit: old });
  const forced = await host.ask("switch", { commit: old }, { force: true });
  await host.run(allowing);
  expect(await host.outcome(unforced)).toMatchObject(refused);
  expect(await host.outcome(forced)).toEqual({ state: "succeeded" });
});

test("R31: a commit that is not on the followed branch is refused, one that does not exist is named", async () => {
  await using host = await createTestHost({ host: {} });
  await host.doRun("pull");
  const dropped = await host.flake.commit("dropped later", { note: "1" });
  await host.doRun("pull");
  await host.flake.forcePushTo(await host.flake.git("rev-parse", "HEAD~1"));
  await host.doRun("pull");

  const { outcome } = await host.doRun("switch", { commit: dropped });
  expect(outcome).toMatchObject({ state: "refused", code: "commit-not-on-branch" });
  const absent = await host.doRun("switch", { commit: "0123456789012345678901234567890123456789" });
  expect(absent.outcome).toMatchObject({ state: "failed", code: "commit-missing" });
});

test("bad input: Nix's and git's own words come first, with a code, and the host takes the next run", async () => {
  await using host = await createTestHost({ host: {} });
  const commit = (shape: Parameters<typeof host.flake.commitFlake>[1]) => host.flake.commitFlake("bad", shape);
  const outcomeAt = async (at: string) => (await host.doRun("switch", {}, { commit: at })).outcome;

  expect(await outcomeAt(await commit({ hosts: { other: {} } }))).toMatchObject({
    code: "attribute-missing",
    firstError: expect.stringContaining("does not provide attribute"),
  });
  expect(await outcomeAt(await commit({ hosts: {}, evaluationError: "the answer is 42" }))).toMatchObject({
    code: "evaluation-failed",
    firstError: "the answer is 42",
  });
  expect(await outcomeAt(await commit({ hosts: {}, syntaxError: true }))).toMatchObject({
    code: "evaluation-failed",
    firstError: expect.stringContaining("syntax error"),
  });
  expect(await outcomeAt(await commit({ hosts: { gate: { packages: 2, failingPackage: 1 } } }))).toMatchObject({
    code: "build-failed",
    firstError: expect.stringContaining("part1-1.0.drv' failed with exit code 2"),
  });
  expect(await outcomeAt(await commit({ hosts: { gate: { failActivation: true, version: "3" } } }))).toMatchObject({
    code: "activation-failed",
    exitCode: 4,
    firstError: "warning: the following units failed: fixture.service",
  });
  expect(await outcomeAt(await commit({ hosts: { gate: { version: "4" } } }))).toEqual({ state: "succeeded" });
});

test("bad input: a repository, a branch or a Nix that is not there", async () => {
  await using host = await createTestHost({ host: {} });
  const withConfig = async (change: Partial<typeof host.config>) => {
    const runId = await host.ask("pull");
    await host.run({ config: { ...host.config, ...change } });
    return host.outcome(runId);
  };
  expect(await withConfig({ repoUrl: "http://127.0.0.1:1/config.git" })).toMatchObject({
    state: "failed",
    code: "repo-unreachable",
    firstError: expect.stringContaining("127.0.0.1"),
  });
  expect(await withConfig({ branch: "nowhere" })).toMatchObject({ code: "branch-missing" });
  expect(await withConfig({})).toEqual({ state: "succeeded" });

  const bin = join(host.root, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "git"), `#!/bin/sh\nPATH=${process.env["PATH"]}\nexec git "$@"\n`, { mode: 0o755 });
  const runId = await host.ask("switch", {}, { commit: await host.flake.git("rev-parse", "HEAD") });
  await host.run({ env: { ...host.env, PATH: bin } });
  expect(await host.outcome(runId)).toMatchObject({ code: "nix-missing", firstError: "the program nix was not found" });
});

test("Home Manager: builds the user's activation package and activates it, profile and all", async () => {
  const env = { platform: "home-manager" as const, name: "ada" };
  await using host = await createTestHost({ ...env, host: { packages: 1 } });
  const commit = await host.flake.git("rev-parse", "HEAD");

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  const closure = eventsOf(events, "deployed")[0]?.deployment.closure;
  expect(eventsOf(events, "finished")[0]?.proof?.facts).toMatchObject({
    running: { closure },
    profile: { closure, generation: 1 },
    generations: [{ number: 1, current: true, commit }],
  });
  expect((await host.doRun("switch", { mode: "boot" }, { commit })).outcome).toMatchObject({
    state: "refused",
    code: "arguments-invalid",
  });
});
