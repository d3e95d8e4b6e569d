import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Outcome, RunId } from "@nixfleet/protocol";
import { exec, readProcessTable, succeeded } from "@nixfleet/runtime";
import { createFlakeFixture, createNixEnv, type FlakeFixture, findProgram } from "@nixfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { type AgentHost, type AgentProcess, createAgentHost, nextRunId, TOKEN } from "./agent.fixture.ts";

// The dashboard was stolen: it has every host's link and knows the protocol. The host takes signed commits only, allows no way
// back and no reboot, and runs the built agent as it is shipped.

const SECRET = "confirm-secret-0123456789-0123456789-abcdef";
const FOREIGN = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system-evil-25.11";

let host: AgentHost;
let flake: FlakeFixture;
let env: Record<string, string>;
/** The signing key that the host trusts, and one that it does not. */
let keys: Record<"ada" | "eve", string>;

beforeEach(async () => {
  host = await createAgentHost();
  flake = await createFlakeFixture({ directory: join(host.root, "config") });
  const nix = await createNixEnv(join(host.root, "nix"), await recordedPath());
  const signers = join(host.root, "signers");
  keys = { ada: await makeKey("ada"), eve: await makeKey("eve") };
  const [type, text] = (await readFile(`${keys.ada}.pub`, "utf8")).split(" ");
  await writeFile(signers, `ada@fleet.example namespaces="git" ${type} ${text}\n`);
  await mkdir(join(host.root, "system"), { recursive: true });
  env = {
    ...nix.env,
    NIXFLEET_REPO_URL: flake.url,
    NIXFLEET_SIGNING_REQUIRED: "true",
    NIXFLEET_ALLOWED_SIGNERS_FILE: signers,
    NIXFLEET_ALLOWED_OPS: "pull,preview,switch,rollback,test,refresh",
    NIXFLEET_CONFIRM_TIMEOUT: "0",
  };
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function makeKey(name: string): Promise<string> {
  const key = join(host.root, name);
  const argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key] as const;
  expect(succeeded(await exec({ argv, env: { PATH: process.env["PATH"] ?? "" } }).result)).toBe(true);
  return key;
}

/** A search path whose programs write down how they were called before they do their work. */
async function recordedPath(): Promise<string> {
  const bin = join(host.root, "bin");
  await mkdir(bin);
  for (const name of ["git", "nix", "nix-env", "nix-store", "ssh-keygen"]) {
    const program = findProgram(name);
    const script = `#!/bin/sh\n{ echo "--- ${name}"; for word; do printf '%s\\n' "$word"; done; } >>'${host.root}/called'\nexec '${program}' "$@"\n`;
    await writeFile(join(bin, name), script, { mode: 0o755 });
  }
  return `${bin}:${process.env["PATH"]}`;
}

/** Commits a version of the host, signed with a key or not at all, and pushes it. */
async function commitVersion(version: string, key?: string): Promise<string> {
  const shape = { hosts: { gate: { version, tests: { "T1.sh": "true\n" } } } };
  const commit = await flake.commitFlake(version, shape);
  if (key === undefined) return commit;
  await flake.git("-c", "gpg.format=ssh", "-c", `user.signingKey=${key}`, "commit", "--quiet", "--amend", "-S", "--no-edit");
  await flake.push("--force");
  return flake.head();
}

const start = (more: Record<string, string> = {}, argv?: readonly string[]): AgentProcess =>
  host.start(argv, { ...env, ...more });

async function ask(op: string, args: object = {}, more: object = {}): Promise<Outcome> {
  const { dashboard } = host;
  const runId = nextRunId();
  dashboard.startRun(runId, op, args, more);
  const refusal = () => dashboard.refusals.find((one) => one.runId === runId);
  await dashboard.until(() => dashboard.outcome(runId) ?? refusal());
  const refused = refusal();
  return dashboard.outcome(runId) ?? { state: "refused", code: refused?.code ?? "op-unknown", reason: refused?.reason ?? "" };
}

async function activations(): Promise<string[]> {
  const text = await readFile(join(host.root, "system/activations"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("boot "));
}

const running = () => readlink(join(host.root, "system/run/current-system"));

/** All files below a directory but for those that the agent, Nix and git may write. */
async function filesOutside(): Promise<string[]> {
  const own = ["state", "runner", "nix", "git", "config", "called"].map((name) => join(host.root, name));
  const found: string[] = [];
  const walk = async (path: string) => {
    for (const name of await readdir(path)) {
      const entry = join(path, name);
      if (own.includes(entry)) continue;
      const stats = await lstat(entry);
      if (stats.isDirectory()) await walk(entry);
      else found.push(`${entry} ${stats.size} ${stats.mtimeMs}`);
    }
  };
  await walk(host.root);
  return found.sort();
}

test("R56 R10: a stolen dashboard deploys signed commits of the branch and gets nothing else done", async () => {
  const { dashboard } = host;
  const first = await commitVersion("1.0", keys.ada);
  const agent = start();
  await dashboard.until(() => dashboard.connected);
  expect(dashboard.hellos[0]?.policy).toMatchObject({ signed: true, allowRewind: false });
  expect(await ask("switch", {}, { commit: first })).toEqual({ state: "succeeded" });
  const second = await commitVersion("2.0", keys.ada);
  expect(await ask("switch", {}, { commit: second })).toEqual({ state: "succeeded" });

  const before = { running: await running(), activations: await activations(), files: await filesOutside() };
  const touched = join(host.root, "touched");
  await flake.git("switch", "--quiet", "--create", "side");
  const aside = await commitVersion("side", keys.ada);
  await flake.git("switch", "--quiet", "main");
  const unsigned = await commitVersion("3.0");
  const untrusted = await commitVersion("4.0", keys.eve);
  const force = { force: true };
  const attacks: [expected: string, op: string, args: object, more?: object][] = [
    ["unsigned-commit", "switch", {}, { commit: unsigned, ...force }],
    ["unsigned-commit", "switch", { mode: "boot" }, { commit: unsigned, ...force }],
    ["unsigned-commit", "preview", { commit: unsigned }],
    ["unsigned-commit", "pull", { commit: untrusted }, force],
    ["unsigned-commit", "switch", {}, { commit: null, ...force }],
    ["commit-missing", "switch", { commit: aside }, force], // Nothing but the branch is ever fetched.
    ["commit-missing", "switch", { commit: "0".repeat(40) }, force],
    ["not-fast-forward", "switch", { commit: first }, force],
    ["not-fast-forward", "pull", { commit: first }, force],
    ["not-fast-forward", "pull", {}, { commit: first, ...force }],
    ["not-fast-forward", "preview", { commit: first }, force],
    ["not-fast-forward", "rollback", { generation: 1 }, force],
    ["closure-changed", "switch", { commit: second, closure: FOREIGN }, force],
    ["op-not-allowed-on-host", "reboot", {}],
    ["op-not-allowed-on-host", "restart-agent", {}],
    ["op-not-allowed-on-host", "collect-garbage", { keepDays: 0 }],
    ["op-unknown", "exec", { argv: ["touch", touched] }],
    ["op-unknown", "deploy", {}],
    ["op-unknown", "__proto__", {}],
    ["arguments-invalid", "switch", { commit: `$(touch ${touched})` }],
    ["arguments-invalid", "switch", { commit: "--upload-pack=touch" }],
    ["arguments-invalid", "switch", { closure: `/nix/store/../..${touched}` }],
    ["arguments-invalid", "switch", { mode: "dry-activate" }],
    ["arguments-invalid", "switch", { env: { PATH: host.root } }],
    ["arguments-invalid", "switch", { byHand: true }],
    ["arguments-invalid", "switch", { flake: "github:evil/config" }],
    ["arguments-invalid", "pull", { url: "ext::sh -c touch" }],
    ["arguments-invalid", "rollback", { generation: "/etc/passwd" }],
    ["arguments-invalid", "test", { script: "/bin/sh" }],
    ["arguments-invalid", "refresh", { pid: 1 }],
  ];
  // All at once: it keeps to no order either.
  await Promise.all(
    attacks.map(async ([expected, op, args, more]) => {
      const outcome = await ask(op, args, more);
      expect("code" in outcome ? outcome.code : outcome.state, `${op} ${JSON.stringify(args)}`).toBe(expected);
    }),
  );

  // What breaks the protocol ends the link and nothing more.
  const run = {
    type: "startRun",
    runId: nextRunId(),
    op: "pull",
    args: {},
    commit: null,
    deadline: 1000,
    askedBy: "",
    force: false,
  };
  for (const message of [
    { ...run, runId: "../../../../etc/cron.d/x" },
    { ...run, confirmSecret: "x\nAuthorization: y" },
    { type: "x".repeat(2_000_000) },
  ]) {
    const hellos = dashboard.hellos.length;
    dashboard.send(message);
    await dashboard.until(() => dashboard.hellos.length > hellos && dashboard.connected);
  }
  dashboard.send({ type: "exec", argv: ["touch", touched] });
  dashboard.send({
    ...run,
    runId: nextRunId(),
    op: "refresh",
    byHand: true,
    env: { PATH: host.root },
    askedBy: "\u001b]0;x\u0007",
  });

  expect(await ask("refresh")).toEqual({ state: "succeeded" });
  expect(await running()).toBe(before.running);
  expect(await activations()).toEqual(before.activations);
  expect(await filesOutside()).toEqual(before.files);
  const called = await readFile(join(host.root, "called"), "utf8");
  for (const word of [touched, FOREIGN, "--upload-pack=touch", "github:evil", "ext::sh", "dry-activate", "/etc/passwd"]) {
    expect(called.split("\n")).not.toContain(word);
    expect(called).not.toContain(`${word} `);
  }
  const told = JSON.stringify([dashboard.hellos, dashboard.refusals]) + agent.stderr();
  for (const secret of [TOKEN, await readFile(keys.ada, "utf8")]) expect(told).not.toContain(secret);
  expect(await agent.stop()).toBe(0);
  // Of all that it had started, nothing is left.
  expect(readProcessTable().filter(({ parent, zombie }) => parent === agent.pid && !zombie)).toEqual([]);
}, 180_000);

test("R56 R1: the id of a run that was once done starts nothing again, whatever comes with it, and a secret of it is nowhere told", async () => {
  const { dashboard, runnerDir } = host;
  const first = await commitVersion("1.0", keys.ada);
  const agent = start();
  await dashboard.until(() => dashboard.connected);
  const runId = nextRunId();
  dashboard.startRun(runId, "switch", {}, { commit: first, confirmSecret: SECRET });
  expect(await dashboard.until(() => dashboard.outcome(runId))).toEqual({ state: "succeeded" });
  const request = await readFile(runnerLayout(runnerDir).run(runId).request, "utf8");
  const events = [...dashboard.events(runId)];
  const second = await commitVersion("2.0", keys.ada);

  dashboard.startRun(runId, "switch", {}, { commit: second, confirmSecret: SECRET, force: true });
  dashboard.startRun(runId, "rollback", { generation: 0 }, { confirmSecret: `another-${SECRET}` });
  dashboard.startRun(runId, "exec", { argv: ["true"] });
  dashboard.send({ type: "cancelRun", runId });
  // The secret of one run is of no use for another: it is told to the dashboard that the host itself has set, and to nobody else.
  expect(await ask("refresh", {}, { confirmSecret: SECRET })).toEqual({ state: "succeeded" });

  expect(await activations()).toHaveLength(1);
  expect(dashboard.events(runId)).toEqual(events);
  expect(await readFile(runnerLayout(runnerDir).run(runId).request, "utf8")).toBe(request);
  const runs = (await readdir(runnerLayout(runnerDir).runs)) as RunId[];
  const told = JSON.stringify(runs.map((id) => dashboard.events(id)));
  const files = await Promise.all(runs.map((id) => readFile(runnerLayout(runnerDir).run(id).events, "utf8")));
  for (const text of [told, agent.stderr(), await readFile(join(host.root, "called"), "utf8"), ...files]) {
    expect(text).not.toContain(SECRET);
  }
});

test("R56: hundreds of requests and deadlines without end fill neither memory nor disk, and the host stays in touch", async () => {
  const { dashboard, stateDir } = host;
  await commitVersion("1.0", keys.ada);
  // Nobody empties the queue meanwhile.
  const agent = start({}, ["run", "--runner=service"]);
  await dashboard.until(() => dashboard.connected);
  const ids = Array.from({ length: 300 }, nextRunId);
  for (const runId of ids) dashboard.startRun(runId, "refresh", {}, { deadline: Number.MAX_SAFE_INTEGER });
  for (const runId of ids) dashboard.send({ type: "cancelRun", runId });
  await dashboard.until(() => dashboard.refusals.length === ids.length - 50);
  expect(new Set(dashboard.refusals.map(({ code }) => code))).toEqual(new Set(["queue-full"]));
  const { queue, cancel, request } = daemonLayout(stateDir);
  const waiting = (await readdir(queue)).filter((name) => name !== "wake.json");
  expect(waiting).toHaveLength(50);
  expect(JSON.parse(await readFile(request(ids[0] as RunId), "utf8")).deadline).toBe(7 * 86_400_000);

  // The cancels came last: they are all there before a runner takes what is to be cancelled.
  const taken = ids.slice(0, 50);
  await expect.poll(async () => (await readdir(cancel)).sort(), { timeout: 50_000 }).toEqual(taken);
  expect((await start({}, ["runner"]).ended).code).toBe(0);
  await dashboard.until(() => taken.every((runId) => dashboard.outcome(runId) !== undefined));
  expect(taken.map((runId) => dashboard.outcome(runId)?.state)).toEqual(taken.map(() => "cancelled"));
  expect([...(await readdir(queue)), ...(await readdir(cancel))].filter((name) => name !== "wake.json")).toEqual([]);
  expect(dashboard.hellos).toHaveLength(1);
  expect(await agent.stop()).toBe(0);
}, 120_000);
