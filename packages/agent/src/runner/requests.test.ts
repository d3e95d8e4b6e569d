import { readdir, symlink, writeFile } from "node:fs/promises";
import { OPS, OpName, type Phase, type RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { daemonLayout } from "../spool/layout.ts";
import { createTestHost, eventsOf, logText, makeRunId } from "./host.fixture.ts";
import { OP_IMPLEMENTATIONS, runOp } from "./op-table.ts";

test("R1, R12: a request that comes again, early or late, is one run on the host", async () => {
  await using host = await createTestHost({ host: {} });
  const commit = await host.flake.head();
  const runId = await host.ask("switch", {}, { commit });
  await host.ask("switch", {}, { commit, runId });
  await Promise.all([host.run(), host.run()]);
  const events = await host.events(runId);

  await host.ask("switch", {}, { commit, runId });
  await host.run();

  expect(await host.activations()).toHaveLength(1);
  expect(await host.events(runId)).toEqual(events);
  expect(eventsOf(events, "started")).toHaveLength(1);
  expect(eventsOf(events, "finished")).toHaveLength(1);
});

test("R10: an unknown op, an argument too many, a commit that is a path: refused, and nothing was run", async () => {
  await using host = await createTestHost({ host: {} });
  const programs: string[] = [];
  const ids = [
    await host.ask("exec", { command: "id" }),
    await host.ask("pull", { pid: 1 }),
    await host.ask("switch", { mode: "dry-activate" }),
    await host.ask("switch", { commit: "../../../etc/passwd" }),
    await host.ask("switch", { commit: "--upload-pack=id" }),
    await host.ask("test", { script: "/bin/sh" }),
    await host.ask("__proto__"),
  ];
  await host.run({
    exec: (request) => {
      programs.push(request.argv.join(" "));
      return host.deps.exec(request);
    },
  });

  const outcomes = await Promise.all(ids.map(host.outcome));
  const codes = outcomes.map((outcome) => (outcome.state === "refused" ? outcome.code : outcome.state));
  const invalid = "arguments-invalid";
  expect(codes).toEqual(["op-unknown", invalid, invalid, invalid, invalid, invalid, "op-unknown"]);
  expect(programs).toEqual([]);
});

test("R10: an op that the host's own configuration leaves out is refused by the runner itself", async () => {
  await using host = await createTestHost({ host: {}, config: { allowedOps: ["pull"] } });
  expect((await host.doRun("switch")).outcome).toMatchObject({ state: "refused", code: "op-not-allowed-on-host" });
  expect((await host.doRun("pull")).outcome).toEqual({ state: "succeeded" });
});

test("R10: a queue file is untrusted: links, wrong shapes and names of no run are not followed", async () => {
  await using host = await createTestHost({ host: {} });
  const { queue, request } = daemonLayout(host.config.stateDir);
  const [linked, torn, huge, misnamed, path] = Array.from({ length: 5 }, makeRunId) as [RunId, RunId, RunId, RunId, RunId];
  const whole = { op: "pull", args: {}, commit: null, deadline: 60_000, askedBy: "a", force: false, receivedAt: 1 };
  await writeFile(`${host.root}/elsewhere`, JSON.stringify({ ...whole, runId: linked }));
  await symlink(`${host.root}/elsewhere`, request(linked));
  await writeFile(request(torn), `{"runId":"${torn}","op":"pu`);
  await writeFile(request(huge), JSON.stringify({ ...whole, runId: huge, askedBy: "a".repeat(1_000_000) }));
  await writeFile(request(misnamed), JSON.stringify({ ...whole, runId: makeRunId() }));
  await writeFile(request(path), JSON.stringify({ ...whole, runId: path, commit: "/etc/passwd" }));
  await writeFile(`${queue}/passwd%2f.json`, "{}");
  const logged: string[] = [];

  await host.run({ log: (line) => logged.push(line) });

  for (const runId of [linked, torn, huge, misnamed, path]) {
    expect(await host.outcome(runId)).toMatchObject({ state: "refused", code: "arguments-invalid" });
  }
  expect(logged.join()).toContain("is not a request");
  expect(await readdir(queue)).toEqual([]);
  expect(await readdir(host.root)).toContain("elsewhere");
});

test("R45: every op of the registry has an implementation here, and each ends with an outcome of its own", async () => {
  expect(Object.keys(OP_IMPLEMENTATIONS).sort()).toEqual(Object.keys(OPS).sort());
  await using host = await createTestHost({ host: { tests: { "T1.sh": "exit 0\n" } } });
  const commit = await host.flake.head();
  // This host checks no signatures, has its dead-man switch off, and shares a machine that it does not reboot; nobody runs here
  // who could be told to restart.
  const notHere: readonly Phase[] = ["verify", "confirm", "reboot"];
  const ends: Partial<Record<OpName, object>> = {
    reboot: { state: "refused", code: "op-not-allowed-on-host" },
    "restart-agent": { state: "failed", code: "restart-not-seen" },
  };
  const argsOf: Partial<Record<OpName, object>> = { rollback: { generation: 1 } };
  for (const op of OpName.options) {
    const { runId, outcome } = await host.doRun(op, { ...argsOf[op] }, { commit, deadline: 20_000, force: true });
    expect(outcome).toMatchObject(ends[op] ?? { state: "succeeded" });
    const phases = eventsOf(await host.events(runId), "phase").map(({ phase }) => phase);
    expect(phases).toEqual(OPS[op].phases.filter((phase) => !notHere.includes(phase)));
  }
  // @ts-expect-error An op that is not in the table cannot be run.
  await expect(async () => runOp({}, { op: "dance", args: {} })).rejects.toThrow(TypeError);
});

test("refresh proves with every fact, the machine's own included", async () => {
  await using host = await createTestHost({ host: {} });
  const { runId } = await host.doRun("refresh");
  const facts = eventsOf(await host.events(runId), "finished")[0]?.proof?.facts;
  expect(facts).toMatchObject({ kernel: "6.12.40", clone: { commit: null, branch: "main" } });
});

test("R14: restart-agent names the daemon that is to end, and is done when another one has connected", async () => {
  await using host = await createTestHost({ host: {} });
  const process = { pid: 1, startTime: "1", bootId: "b" };
  await host.files.writeStatus({ instance: "old", process, startedAt: 1, connectedAt: 1 });
  const runId = await host.ask("restart-agent");
  const running = host.run();
  const restart = await host.seen(runId, ({ kind }) => kind === "restart");
  expect(restart).toMatchObject({ instance: "old" });
  await host.files.writeStatus({ instance: "new", process, startedAt: 2, connectedAt: null });
  await host.files.writeStatus({ instance: "new", process, startedAt: 2, connectedAt: 3 });
  await running;
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });

  const late = await host.doRun("restart-agent", {}, { deadline: 1000 });
  expect(late.outcome).toMatchObject({ state: "timed-out", code: "deadline-passed" });
});

test("R32: neither argv, nor .git/config, nor any event or file of a run holds a credential", async () => {
  await using host = await createTestHost({ host: {} });
  const secret = "s3cr3t%2Ftoken";
  const credentialsFile = `${host.root}/credentials`;
  await writeFile(credentialsFile, `https://ada:${secret}@git.example.org\n`);
  const leaking = `echo "https://ada:${secret}@git.example.org/x"; echo "${secret}"; echo "s3cr3t/token" >&2; echo "https://eve:of-nobody-s-file@git.example.org/x"; exit 1\n`;
  await host.flake.commitFlake("leak", { hosts: { gate: { tests: { "T1.sh": leaking } } } });
  const argvs: string[] = [];
  const exec: typeof host.deps.exec = (request) => {
    argvs.push(JSON.stringify(request.argv));
    return host.deps.exec(request);
  };
  const ids = [await host.ask("pull"), await host.ask("test")];
  await host.run({ exec, config: { ...host.config, credentials: { credentialsFile } } });

  const told = JSON.stringify([await Promise.all(ids.map(host.events)), await Promise.all(ids.map(host.outcome))]);
  const config = await host.flake.git("config", "--file", `${host.config.runnerDir}/repo/.git/config`, "--list");
  for (const text of [told, config, argvs.join("\n")]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain("s3cr3t/token");
    expect(text).not.toContain("of-nobody-s-file");
    expect(text).not.toContain(host.env["NIXFLEET_TOKEN"]);
  }
  expect(logText(await host.events(ids[1] as RunId)).join("\n")).toContain("[redacted]");
});
