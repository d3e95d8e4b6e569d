import { expect, test } from "vitest";
import { makeLinks } from "../platforms/closures.fixture.ts";
import { createTestHost, eventsOf, logText, type TestHost } from "./host.fixture.ts";

async function previewed(host: TestHost, args: Record<string, unknown>, commit: string | null = null) {
  const { runId, outcome } = await host.doRun("preview", args, { commit });
  const events = await host.events(runId);
  return {
    outcome,
    phases: eventsOf(events, "phase").map(({ phase }) => phase),
    diff: eventsOf(events, "diff")[0]?.diff,
    preview: eventsOf(events, "preview")[0]?.preview,
    kinds: events.map(({ kind }) => kind),
    facts: eventsOf(events, "finished")[0]?.proof?.facts,
  };
}

test("a preview builds and tells packages with sizes, units, reboot and agent, and activates nothing", async () => {
  await using host = await createTestHost({ host: { packages: 2, agent: "ExecStart=1" } });
  const first = await host.flake.head();
  await host.doRun("switch", {}, { commit: first });
  const running = (await host.deps.platform.runningClosure()) ?? "";
  await makeLinks(host.config.systemRoot, { "run/booted-system": running });
  const shape = { version: "2.0", packages: 3, kernel: "6.18.1", agent: "ExecStart=2" };
  const commit = await host.flake.commitFlake("newer", { hosts: { gate: shape } });

  const { outcome, phases, diff, preview, kinds, facts } = await previewed(host, {}, commit);

  expect(outcome).toEqual({ state: "succeeded" });
  expect(phases).toEqual(["fetch", "evaluate", "build", "diff"]);
  expect(kinds.indexOf("diff")).toBeLessThan(kinds.indexOf("preview"));
  expect(preview).toEqual({
    commit,
    closure: diff?.to,
    against: running,
    units: { stop: ["fixture.service"], start: ["fixture.service", "gate.target"], restart: [], reload: [] },
    reboot: { needed: true, reasons: ["kernel", "initrd"] },
    agent: "changed",
    lockOut: { risks: [], unclear: [] },
  });
  expect(diff).toMatchObject({
    from: running,
    added: [{ name: "part3", versions: ["2.0"], size: expect.any(Number) }],
    changed: [
      { name: "part1", from: ["1.0"], to: ["2.0"], sizeBefore: expect.any(Number), sizeAfter: expect.any(Number) },
      { name: "part2" },
    ],
  });
  expect(diff?.added[0]?.size).toBeGreaterThan(0);
  expect(facts?.running?.closure).toBe(running);
  expect(facts?.profile).toMatchObject({ closure: running, generation: 1 });
  expect(await host.activations()).toEqual([`test ${running}`]);
});

test("a generation is previewed by its number, and compared with another one where that is asked for", async () => {
  await using host = await createTestHost({ host: { agent: "ExecStart=1" } });
  const first = await host.flake.head();
  await host.doRun("switch", {}, { commit: first });
  const old = await host.deps.platform.runningClosure();
  const second = await host.flake.commitFlake("newer", { hosts: { gate: { version: "2.0", agent: "ExecStart=1" } } });
  await host.doRun("switch", {}, { commit: second });
  const running = await host.deps.platform.runningClosure();

  const back = await previewed(host, { generation: 1 });
  expect(back.phases).toEqual(["diff"]);
  expect(back.preview).toMatchObject({ commit: first, closure: old, against: running, agent: "same" });
  expect(back.preview?.units).not.toBeNull();
  expect(back.diff?.changed).toMatchObject([
    { from: ["2.0"], to: ["1.0"] },
    { from: ["2.0"], to: ["1.0"] },
  ]);

  const compared = await previewed(host, { generation: 2, against: 1 });
  expect(compared.preview).toMatchObject({ commit: second, closure: running, against: old, units: null });
  const missing = { state: "refused", code: "generation-missing" };
  expect((await previewed(host, { generation: 3 })).outcome).toMatchObject(missing);
  expect((await previewed(host, { against: 3 }, second)).outcome).toMatchObject(missing);
});

test("a host that runs nothing is shown everything as new; a closure without the agent says so; Home Manager tells no units", async () => {
  await using host = await createTestHost({ host: { agent: "ExecStart=1" } });
  const first = await host.flake.head();
  expect((await previewed(host, {}, first)).preview).toMatchObject({
    against: null,
    agent: "changed",
    reboot: { needed: false },
  });
  await host.doRun("switch", {}, { commit: first });
  const without = await host.flake.commitFlake("without", { hosts: { gate: {} } });
  expect((await previewed(host, {}, without)).preview).toMatchObject({ agent: "missing" });

  await using home = await createTestHost({ platform: "home-manager", name: "ada", host: {} });
  const commit = await home.flake.head();
  expect((await previewed(home, {}, commit)).preview).toMatchObject({ units: null, agent: "same" });
});

test("an activator that cannot tell is a warning, not a failure", async () => {
  await using host = await createTestHost({ host: {} });
  const commit = await host.flake.head();
  const argv: [string, ...string[]] = ["sh", "-c", "echo Could not acquire lock >&2; exit 1"];
  const dryActivation = () => ({ argv, env: { PATH: process.env["PATH"] ?? "" }, launcher: [], unit: null });
  const runId = await host.ask("preview", {}, { commit });
  await host.run({ platform: { ...host.deps.platform, dryActivation } });
  const events = await host.events(runId);
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  expect(eventsOf(events, "preview")[0]?.preview.units).toBeNull();
  expect(eventsOf(events, "warning")[0]?.message).toContain("units");
  expect(await host.activations()).toEqual([]);
});

test("R26: an evaluation that dies because the clone is damaged under it is made again, from a new clone", async () => {
  await using host = await createTestHost({ host: {} });
  const commit = await host.flake.head();
  let evaluations = 0;
  // What Nix 2.34.8 does when the objects that it has mapped are cut short: the fault matrix of lab/ has it for real.
  const exec: typeof host.deps.exec = (request) => {
    const isEvaluation = request.argv[0] === "nix" && request.argv.includes("eval");
    if (!isEvaluation || ++evaluations > 1) return host.deps.exec(request);
    const script = 'find "$1/repo/.git/objects" -type f -exec truncate --size=0 {} +; kill -BUS $$';
    return host.deps.exec({ ...request, argv: ["/bin/sh", "-c", script, "nix", host.config.runnerDir] });
  };
  const runId = await host.ask("preview", {}, { commit });

  await host.run({ exec });
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  expect(evaluations).toBe(2);
  expect(logText(await host.events(runId)).join("\n")).toContain("Recreating the clone");
});

test("an evaluation that fails for another reason is made once", async () => {
  await using host = await createTestHost({ host: {} });
  const commit = await host.flake.commit("broken", { "flake.nix": '{ outputs = _: throw "no"; }\n' });

  const { outcome, phases } = await previewed(host, {}, commit);

  expect(outcome).toMatchObject({ state: "failed" });
  expect(phases).toEqual(["fetch", "evaluate"]);
});
