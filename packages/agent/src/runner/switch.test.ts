import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plainLine } from "../error-lines.ts";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";
import { createSharedPlace } from "./running-host.fixture.ts";

const place = createSharedPlace();

test("a switch fetches, evaluates, builds, diffs, activates, and proves what runs", async () => {
  await using host = await createTestHost({ host: { packages: 3, tests: { "T1.sh": "#!/bin/sh\ntrue\n" } } });
  const commit = await host.flake.head();

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  expect(eventsOf(events, "phase").map(({ phase }) => phase)).toEqual(["fetch", "evaluate", "build", "diff", "activate"]);
  const [deployed] = eventsOf(events, "deployed");
  const closure = deployed?.deployment.closure;
  expect(await host.activations()).toEqual([`test ${closure}`]);
  expect(await host.bootEntries()).toEqual([closure]);
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
  expect(eventsOf(events, "command").at(-1)?.argv).toEqual([`${closure}/bin/switch-to-configuration`, "boot"]);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
});

test("mode boot sets the profile and leaves what runs; mode test activates and leaves the profile", async () => {
  await using host = await createTestHost({ host: { version: "1.0" } });
  const first = await host.flake.head();
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
  await using host = await createTestHost({ place: await place(), host: { version: "1.0" } });
  const old = await host.flake.head();
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

test("a switch bound to a previewed closure refuses when the commit builds another one", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
  const before = await host.activations();
  const commit = await host.flake.head();
  const other = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system-gate-25.11";
  const { outcome } = await host.doRun("switch", { closure: other }, { commit });
  expect(outcome).toMatchObject({ state: "refused", code: "closure-changed", reason: expect.stringContaining(other) });
  expect(await host.activations()).toEqual(before);

  const shown = await host.doRun("preview", {}, { commit });
  const closure = eventsOf(await host.events(shown.runId), "preview")[0]?.preview.closure;
  expect((await host.doRun("switch", { closure }, { commit })).outcome).toEqual({ state: "succeeded" });
  expect(await host.activations()).toEqual([...before, `test ${closure}`]);
});

test("a closure without this agent is refused where the running one has it, unless a person insists", async () => {
  await using host = await createTestHost({ host: { agent: "ExecStart=nixfleet-agent" } });
  const first = await host.flake.head();
  expect((await host.doRun("switch", {}, { commit: first })).outcome).toEqual({ state: "succeeded" });
  const commit = await host.flake.commitFlake("without", { hosts: { gate: {} } });
  const { runId, outcome } = await host.doRun("switch", {}, { commit });
  expect(outcome).toMatchObject({ state: "refused", code: "agent-missing" });
  expect(eventsOf(await host.events(runId), "phase").map(({ phase }) => phase)).not.toContain("activate");
  expect((await host.doRun("switch", {}, { commit, force: true })).outcome).toEqual({ state: "succeeded" });
  expect(await host.activations()).toHaveLength(2);
});

test("switch inhibitors: the closure is set for the next boot, with a warning, and the outcome says to reboot", async () => {
  await using host = await createTestHost({ host: { inhibitors: { systemd: "257" } } });
  const first = await host.flake.head();
  await host.doRun("switch", {}, { commit: first });
  const commit = await host.flake.commitFlake("newer", { hosts: { gate: { inhibitors: { systemd: "258" } } } });

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toEqual({ state: "succeeded", reason: expect.stringMatching(/systemd .* reboot to finish\.$/) });
  const events = await host.events(runId);
  expect(eventsOf(events, "warning")[0]?.message).toContain("next boot");
  const deployment = eventsOf(events, "deployed")[0]?.deployment;
  expect(deployment).toMatchObject({ mode: "boot", commit, generation: 2 });
  const facts = eventsOf(events, "finished")[0]?.proof?.facts;
  expect(facts?.profile?.closure).toBe(deployment?.closure);
  expect(facts?.running?.closure).not.toBe(deployment?.closure);
});

test("R37: how an activation ended is its own word, not its launcher's", async () => {
  await using host = await createTestHost({ place: await place() });
  const launchedBy = async (script: string, version: string) => {
    const commit = await host.flake.commitFlake(version, { hosts: { gate: { version } } });
    const { platform } = host.deps;
    const activation: typeof platform.activation = (closure, mode) => ({
      ...platform.activation(closure, mode),
      launcher: ["/bin/sh", "-c", script, "launcher"],
    });
    const runId = await host.ask("switch", {}, { commit });
    await host.run({ platform: { ...platform, activation } });
    return host.outcome(runId);
  };

  expect(await launchedBy("exit 0", "never-begun")).toMatchObject({
    state: "failed",
    code: "activation-failed",
    reason: expect.stringContaining("it left no exit code"),
  });
  expect(await launchedBy('"$@"; exit 7', "all-well")).toEqual({ state: "succeeded" });
});

test("while another holds the lock of switch-to-configuration, nothing is activated", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
  const before = await host.activations();
  const directory = join(host.config.systemRoot, "run/nixos");
  await mkdir(directory, { recursive: true });
  const lock = join(directory, "switch-to-configuration.lock");
  await writeFile(lock, "");
  const stop = new AbortController();
  const locked = Promise.withResolvers<void>();
  const argv: [string, ...string[]] = ["flock", "--no-fork", lock, "sh", "-c", "echo locked; exec sleep 60"];
  const holder = host.deps.exec({ argv, env: host.env, signal: stop.signal, onStdout: () => locked.resolve() });
  await locked.promise;
  const commit = await host.flake.head();
  const { outcome } = await host.doRun("switch", {}, { commit });
  expect(outcome).toMatchObject({ state: "refused", code: "activation-in-progress" });
  stop.abort();
  await holder.result;
  expect(await host.activations()).toEqual(before);
  expect((await host.doRun("switch", {}, { commit })).outcome).toEqual({ state: "succeeded" });
});

test("R56: where commits must be signed, they are verified before anything of them is evaluated", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
  const commit = await host.flake.head();
  const runId = await host.ask("switch", {}, { commit });
  const previewId = await host.ask("preview", {}, { commit });
  await host.run({ config: { ...host.config, signing: { ...host.config.signing, required: true } } });
  for (const id of [runId, previewId]) {
    expect(await host.outcome(id)).toMatchObject({ state: "refused", code: "unsigned-commit" });
    expect(eventsOf(await host.events(id), "phase").map(({ phase }) => phase)).toEqual(["fetch", "verify"]);
  }
});

test("R31: a commit that is not on the followed branch is refused, one that does not exist is named", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
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

test("R71: bad input: the line that a reader would point at comes first, with its line in the log and a code, and the host takes the next run", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
  const commit = (shape: Parameters<typeof host.flake.commitFlake>[1]) => host.flake.commitFlake("bad", shape);
  const outcomeAt = async (at: string) => {
    const { runId, outcome } = await host.doRun("switch", {}, { commit: at });
    if (outcome.state !== "failed" && outcome.state !== "rolled-back") return outcome;
    const line = logText(await host.events(runId))[(outcome.firstErrorLine ?? 0) - 1] ?? "no line";
    expect(plainLine(line)).toContain(outcome.firstError);
    expect(outcome.reason).toMatch(/\.$/);
    return outcome;
  };

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
    reason: expect.stringMatching(/^Nix could not build .* builder for '.*part1-1\.0\.drv' failed with exit code 2\.$/),
    firstError: "part 1: error: it does not compile",
  });
  expect(await outcomeAt(await commit({ hosts: { gate: { failActivation: true, version: "3" } } }))).toMatchObject({
    code: "activation-failed",
    exitCode: 4,
    firstError: "warning: the following units failed: fixture.service",
  });
  expect(await outcomeAt(await commit({ hosts: { gate: { version: "4" } } }))).toEqual({ state: "succeeded" });
});

test("bad input: a repository, a branch or a Nix that is not there", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
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
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  await host.run({ env: { ...host.env, PATH: bin } });
  expect(await host.outcome(runId)).toMatchObject({ code: "nix-missing", firstError: "the program nix was not found" });
});

test("R75: an evaluation that failed fails with the same words when it is asked for again", async () => {
  await using host = await createTestHost({ place: await place(), host: {} });
  const flake = '{ outputs = _: { nixosConfigurations = throw "no host is configured"; }; }\n';
  const commit = await host.flake.commitFlake("no hosts", { hosts: {}, more: { "flake.nix": flake } });
  for (let time = 0; time < 2; time++) {
    const { outcome } = await host.doRun("switch", {}, { commit });
    expect(outcome).toMatchObject({ code: "evaluation-failed", firstError: "no host is configured" });
  }
});

test("R75: a garbage collection between evaluation and build costs an evaluation, not the run", async () => {
  await using host = await createTestHost({ place: await place(), host: { version: "collected" } });
  const bin = join(host.root, "collecting");
  await mkdir(bin);
  const collect = [
    "#!/bin/sh",
    `PATH=${process.env["PATH"]}`,
    `if [ "$1" = --realise ] && mkdir ${bin}/collected 2>/dev/null; then nix-store --delete "$2"; fi`,
    'exec nix-store "$@"',
  ];
  await writeFile(join(bin, "nix-store"), collect.join("\n"), { mode: 0o755 });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  await host.run({ env: { ...host.env, PATH: `${bin}:${process.env["PATH"]}` } });
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  expect(logText(await host.events(runId))).toContain(
    "A garbage collection has removed what was evaluated. It is evaluated again.",
  );
});

test("Home Manager: builds the user's activation package and activates it, profile and all", async () => {
  const env = { platform: "home-manager" as const, name: "ada" };
  await using host = await createTestHost({ ...env, host: { packages: 1 } });
  const commit = await host.flake.head();

  const { runId, outcome } = await host.doRun("switch", {}, { commit });

  expect(outcome).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  // The flake has no "ada@…": that was looked for first, and is no error.
  const lines = eventsOf(events, "log").flatMap((event) => event.lines);
  expect(lines.filter(({ text }) => text.includes("does not provide attribute"))).toHaveLength(1);
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
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
