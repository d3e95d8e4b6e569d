import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FixtureHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createPlatform } from "../platforms/choose.ts";
import { createTestHost, eventsOf, logText, type TestHost, type TestHostOptions } from "./host.fixture.ts";

// The activation that these homes have is held against the real Home Manager: see testkit/flake-fixture/activate-home.sh.

const platform = "home-manager" as const;
const files = { first: [".config/motd", ".config/only/first"], second: [".config/motd", ".config/second/only", ".bashrc"] };

/** Every file and link of a home and of its profile, by what they hold or lead to, but for links of generations. */
async function lookAt(host: TestHost): Promise<Record<string, string>> {
  const home = host.env["HOME"] ?? "";
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const looked: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(home.length + 1);
    if (/^\.cache|-link$/.test(name)) continue;
    if (entry.isSymbolicLink()) looked[name] = `-> ${await readlink(path)}`;
    else if (entry.isFile()) looked[name] = await readFile(path, "utf8");
    else looked[name] = "directory";
  }
  return looked;
}

/** A home that runs version 1.0, and the commit of a version 2.0. */
async function homeThatRuns(first: FixtureHost, second: FixtureHost, config: TestHostOptions["config"] = { confirmTimeout: 30 }) {
  const host = await createTestHost({
    platform,
    name: "ada",
    host: { packages: 1, version: "1.0", files: files.first, ...first },
    config,
  });
  expect((await host.doRun("switch", {}, { commit: await host.flake.head() })).outcome).toEqual({ state: "succeeded" });
  const before = await lookAt(host);
  expect(before[".config/motd"]).toMatch(/^-> .*-home-manager-files\/\.config\/motd$/);
  const ada = { platform, packages: 1, version: "2.0", files: files.second, ...second };
  const commit = await host.flake.commitFlake("second", { hosts: { ada } });
  return { host, before, commit };
}

const transitions = [
  ["25.11", "25.11"],
  ["25.05", "25.05"],
  ["24.11", "25.11"],
  ["25.11", "24.11"],
] as const;

test.for(transitions)(
  "R37, R63, R75: a home of Home Manager %s is what it was after one of %s failed past its write boundary",
  async ([old, next]) => {
    const { host, before, commit } = await homeThatRuns({ homeManager: old }, { homeManager: next, failActivation: true });

    const { runId, outcome } = await host.doRun("switch", {}, { commit });

    expect(logText(await host.events(runId))).toContain("boom: the activation fails past its write boundary");
    expect(outcome).toMatchObject({ state: "rolled-back", code: "activation-failed", exitCode: 1 });
    expect(await lookAt(host)).toEqual(before);
  },
);

test("R37, R75: a generation since 25.11 gets its number when it was confirmed, an older one by its own activation", async () => {
  const { host, commit } = await homeThatRuns({}, { failActivation: true });
  const numbers = async () => (await host.deps.platform.readFacts()).generations?.map(({ number }) => number);
  await host.doRun("switch", {}, { commit });
  expect(await numbers()).toEqual([1]);
  const shapes = { new: { version: "2.0" }, old: { version: "3.0", homeManager: "25.05" } } as const;
  for (const [at, shape] of Object.values(shapes).entries()) {
    const next = await host.flake.commitFlake("next", { hosts: { ada: { platform, packages: 1, ...shape } } });
    expect((await host.doRun("switch", {}, { commit: next })).outcome).toEqual({ state: "succeeded" });
    expect(await numbers()).toEqual([1, 2, 3].slice(0, at + 2));
  }
});

test("R9, R63: a home whose switch is cancelled past the write boundary is what it was", async () => {
  const { host, before, commit } = await homeThatRuns({}, { activationSeconds: 600 });
  const runId = await host.ask("switch", {}, { commit });
  const running = host.run();
  await host.seen(
    runId,
    (event) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("Creating home file links")),
  );
  // The links are made after that line.
  while (!(".bashrc" in (await lookAt(host)))) await new Promise((resolve) => setTimeout(resolve, 20));

  await host.files.askCancel(runId);
  await running;

  expect((await host.outcome(runId)).state).toBe("cancelled");
  expect(await lookAt(host)).toEqual(before);
});

test("R63: an undo that Home Manager's activation does not do is no rollback, and says what is left", async () => {
  const { host, commit } = await homeThatRuns({}, { failActivation: true });
  // What was believed of Home Manager before 25.05: that its activation alone finds out what the failed one has brought.
  const believed: typeof host.deps.platform = {
    ...host.deps.platform,
    undo: ({ closure }) => [{ kind: "activation", argv: [join(closure, "activate")], env: host.env, launcher: [], unit: null }],
  };
  const env = { ...host.env, NIXFLEET_SYSTEM_ROOT: host.config.systemRoot };
  const undo: typeof believed.undo = (...call) => believed.undo(...call).map((step) => ({ ...step, env }));
  const runId = await host.ask("switch", {}, { commit });
  await host.run({ platform: { ...believed, undo } });
  expect(await host.outcome(runId)).toMatchObject({ state: "failed", code: "undo-failed" });
  expect((await host.outcome(runId)).reason).toMatch(
    /\.config\/second\/only still leads to a file of .*-home-manager-generation\./,
  );
});

test("R75: without an extension a file in the way keeps a home as it is; with one it is moved, and back by the undo", async () => {
  const { host, before, commit } = await homeThatRuns({}, { failActivation: true });
  const bashrc = join(host.env["HOME"] ?? "", ".bashrc");
  await writeFile(bashrc, "# mine\n");
  const mine = { ...before, ".bashrc": "# mine\n" };
  const refused = await host.doRun("switch", {}, { commit });
  expect(refused.outcome).toMatchObject({ state: "rolled-back", firstError: `Existing file '${bashrc}' would be clobbered` });
  expect(await lookAt(host)).toEqual(mine);

  const { hostname, systemRoot } = host.config;
  const where = { platform, hostname, flakeAttr: undefined, systemRoot, env: host.env, exec: host.deps.exec };
  const withExtension = { platform: createPlatform({ ...where, backupFileExtension: "before" }) };
  const moved = await host.ask("switch", {}, { commit });
  await host.run(withExtension);
  expect(await host.outcome(moved)).toMatchObject({ state: "rolled-back", exitCode: 1 });
  expect(logText(await host.events(moved))).toContain("Moved .bashrc.before back to .bashrc");
  expect(await lookAt(host)).toEqual(mine);

  const good = await host.flake.commitFlake("good", { hosts: { ada: { platform, packages: 1, files: files.second } } });
  const taken = await host.ask("switch", {}, { commit: good });
  await host.run(withExtension);
  expect(await host.outcome(taken)).toEqual({ state: "succeeded" });
  expect(await lookAt(host)).toMatchObject({ ".bashrc.before": "# mine\n", ".bashrc": expect.stringMatching(/^-> /) });
});

test("R37: what was written in place of the old links meanwhile is moved aside, and keeps no home from coming back", async () => {
  const { host, before } = await homeThatRuns({}, { files: [] });
  const first = await host.deps.platform.runningClosure();
  const commit = await host.flake.head();
  const { runId } = await host.doRun("switch", {}, { commit });
  const second = eventsOf(await host.events(runId), "deployed")[0]?.deployment.closure ?? "";
  const only = join(host.env["HOME"] ?? "", ".config/only");
  await mkdir(only, { recursive: true });
  await writeFile(join(only, "first"), "written by a program\n");

  const undone = { closure: first ?? "", profile: { closure: first ?? "", generation: 1 } };
  for (const { argv, env } of host.deps.platform.undo(undone, { closure: second, mode: "switch" })) {
    const { end } = await host.deps.exec({ argv, env }).result;
    expect(end).toEqual({ kind: "exited", exitCode: 0 });
  }

  const { [".config/only"]: directory, ...now } = await lookAt(host);
  const aside = Object.entries(now).filter(([name]) => name.includes("before-undo"));
  expect(aside).toEqual([[expect.stringMatching(/^\.config\/only\/first\.before-undo-[\d-]+$/), "written by a program\n"]]);
  expect({ ...now, ".config/only": directory, [aside[0]?.[0] ?? ""]: undefined }).toEqual(before);
});
