import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Commit, Outcome } from "@nixfleet/protocol";
import { exec, succeeded } from "@nixfleet/runtime";
import { createFlakeFixture, createTempDir, type FlakeFixture } from "@nixfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import type { RunnerConfig } from "./deps.ts";
import { createTestHost, eventsOf, logText, type TestHost } from "./host.fixture.ts";

// The dashboard was stolen. Every commit here is signed by a key that the host trusts, and each but the last is old: it has a hole
// that a later one closed. The host takes signed commits only and never goes back.

let temp: Awaited<ReturnType<typeof createTempDir>>;
let flake: FlakeFixture;
let key: string;
let signing: RunnerConfig["signing"];
/** Written by each commit's test script: whose scripts ran as root. */
let ran: string;

beforeEach(async () => {
  temp = await createTempDir("nixfleet-rewind-");
  flake = await createFlakeFixture();
  ran = join(temp.path, "ran");
  key = await makeKey();
  const [type, text] = (await readFile(`${key}.pub`, "utf8")).split(" ");
  const allowedSignersFile = join(temp.path, "signers");
  await writeFile(allowedSignersFile, `ada@fleet.example namespaces="git" ${type} ${text}\n`);
  signing = { required: true, allowedSignersFile, openpgpKeysFile: undefined };
});
afterEach(async () => {
  await flake[Symbol.asyncDispose]();
  await temp[Symbol.asyncDispose]();
});

async function makeKey(): Promise<string> {
  const path = join(temp.path, "ada");
  const argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", path] as const;
  expect(succeeded(await exec({ argv, env: { PATH: process.env["PATH"] ?? "" } }).result)).toBe(true);
  return path;
}

/** Commits a version of the host, signed, and pushes it. */
async function commitVersion(version: string, isSigned = true): Promise<Commit> {
  const tests = { "T1.sh": `#!/bin/sh\necho ${version} >> '${ran}'\n` };
  await flake.commitFlake(version, { hosts: { gate: { version, tests, packages: 1 } } });
  if (isSigned) {
    const sign = ["-c", "gpg.format=ssh", "-c", `user.signingKey=${key}`];
    await flake.git(...sign, "commit", "--quiet", "--amend", "-S", "--no-edit");
    await flake.push("--force");
  }
  return flake.head();
}

const createHost = (config: Partial<RunnerConfig> = {}, more: Pick<Parameters<typeof createTestHost>[0] & {}, "place"> = {}) =>
  createTestHost({ flake, config: { signing, ...config }, ...more });

const ledgerOf = (host: TestHost) => runnerLayout(host.config.runnerDir).deployments;
const cloneOf = (host: TestHost) => runnerLayout(host.config.runnerDir).clone;
const headOf = async (host: TestHost) =>
  (await exec({ argv: ["git", "-C", cloneOf(host), "rev-parse", "HEAD"], env: host.env }).result).stdout.trim();
const codeOf = (outcome: Outcome) => ("code" in outcome ? outcome.code : outcome.state);

/** All that a dashboard can ask for to have something of a commit taken out; `force` is a word that it has. */
const waysTo = (commit: Commit): [op: string, args: Record<string, unknown>, more: object][] => [
  ["pull", { commit }, { force: true }],
  ["pull", {}, { commit, force: true }],
  ["preview", { commit }, { force: true }],
  ["switch", { commit, mode: "switch" }, { force: true }],
  ["switch", { mode: "test" }, { commit, force: true }],
];

async function expectRefused(host: TestHost, commit: Commit, words: RegExp): Promise<void> {
  for (const [op, args, more] of waysTo(commit)) {
    const { runId, outcome } = await host.doRun(op, args, more);
    expect(outcome, op).toMatchObject({ state: "refused", code: "not-fast-forward", reason: expect.stringMatching(words) });
    const commands = eventsOf(await host.events(runId), "command").map(({ argv }) => argv.slice(0, 2).join(" "));
    expect(commands.filter((command) => command !== "git fetch")).toEqual([]);
  }
}

test("R56: behind what was deployed last no op takes anything out, whatever its order, the branch or the clone", async () => {
  const first = await commitVersion("1");
  const second = await commitVersion("2");
  await using host = await createHost();
  expect((await host.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });

  await expectRefused(host, first, /^\w+ is not a descendant of \w+, which was deployed here last\.$/);
  expect(await headOf(host)).toBe(second);
  expect((await host.doRun("test")).outcome.state).toBe("succeeded");

  // The clone was left at the old one, by a policy of earlier or a person: its scripts are not run.
  await exec({ argv: ["git", "-C", cloneOf(host), "checkout", "--quiet", "--force", first], env: host.env }).result;
  expect(codeOf((await host.doRun("test", {}, { force: true })).outcome)).toBe("not-fast-forward");
  // A pull was cut off: the files are of the one, HEAD of the other.
  await exec({ argv: ["git", "-C", cloneOf(host), "update-ref", "--no-deref", "HEAD", second], env: host.env }).result;
  expect((await host.doRun("test")).outcome.state).toBe("succeeded");
  expect(await readFile(ran, "utf8")).toBe("2\n2\n");

  // Whoever can push goes along with it: the branch is set back, and new commits go beside what was deployed.
  await flake.git("reset", "--quiet", "--hard", first);
  await flake.push("--force");
  for (const op of ["pull", "preview", "switch"]) {
    const { outcome } = await host.doRun(op, {}, { force: true });
    expect(codeOf(outcome), op).toBe("not-fast-forward");
  }
  const beside = await commitVersion("beside");
  await expectRefused(host, beside, /deployed here last/);
  expect(await readFile(ran, "utf8")).toBe("2\n2\n");
  expect(await host.activations()).toHaveLength(1);
}, 120_000);

test("R56: with the ledger lost or cut short, what runs is the floor", async () => {
  const first = await commitVersion("1");
  const second = await commitVersion("2");
  await using host = await createHost();
  expect((await host.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });
  const whole = await readFile(ledgerOf(host), "utf8");
  await commitVersion("3");

  await rm(ledgerOf(host));
  await expectRefused(host, first, /which the running system was built from/);
  // Lost together with the clone.
  await rm(cloneOf(host), { recursive: true });
  expect(codeOf((await host.doRun("preview", { commit: first })).outcome)).toBe("not-fast-forward");
  // An older copy of it was put back.
  await writeFile(ledgerOf(host), whole.replaceAll(second, first));
  expect(codeOf((await host.doRun("pull", { commit: first })).outcome)).toBe("not-fast-forward");
  // No step back: the same commit, though not the newest.
  expect((await host.doRun("pull", { commit: second })).outcome).toEqual({ state: "succeeded" });
  expect(await exists(ran)).toBe(false);
}, 120_000);

test("R56: a host of which nothing is known takes the newest commit of the branch and no other, even if its clone is old", async () => {
  const first = await commitVersion("1");
  await using host = await createHost();
  expect((await host.doRun("pull", { commit: first })).outcome).toEqual({ state: "succeeded" });
  const second = await commitVersion("2");

  // The clone knows the old commit as the tip: it has to look before it believes that.
  const { outcome } = await host.doRun("preview", { commit: first });
  expect(codeOf(outcome)).toBe("not-fast-forward");
  await expectRefused(host, first, /^Nothing is known of what was deployed here, so only the newest commit/);
  expect(codeOf((await host.doRun("test")).outcome)).toBe("not-fast-forward");
  expect(await exists(ran)).toBe(false);
  expect((await host.doRun("pull", { commit: second })).outcome).toEqual({ state: "succeeded" });
  expect((await host.doRun("test")).outcome.state).toBe("succeeded");
  expect(await readFile(ran, "utf8")).toBe("2\n");
}, 60_000);

test("R56 R34: a generation's own programs run where its commit would: never, or signed where the host goes back", async () => {
  const unsigned = await commitVersion("0", false);
  const before = { required: false, allowedSignersFile: undefined, openpgpKeysFile: undefined };
  await using place = await createHost({ signing: before });
  expect((await place.doRun("switch", {}, { commit: unsigned })).outcome).toEqual({ state: "succeeded" });
  const first = await commitVersion("1");
  expect((await place.doRun("switch", {}, { commit: first })).outcome).toEqual({ state: "succeeded" });
  const second = await commitVersion("2");
  expect((await place.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });

  const activations = (await place.activations()).length;
  const strict = { ...place.config, signing };
  const ask = async (config: RunnerConfig, op: string, args: Record<string, unknown>) => {
    const runId = await place.ask(op, args, { force: true });
    await place.run({ config });
    return { outcome: await place.outcome(runId), events: await place.events(runId) };
  };
  for (const generation of [1, 2, 3]) {
    expect(codeOf((await ask(strict, "rollback", { generation })).outcome)).toBe("not-fast-forward");
    const preview = await ask(strict, "preview", { generation });
    expect(preview.outcome).toEqual({ state: "succeeded" });
    expect(eventsOf(preview.events, "preview")[0]?.preview.units).toBeNull();
    expect(JSON.stringify([eventsOf(preview.events, "command"), logText(preview.events)])).not.toContain("dry-activate");
  }
  expect(await place.activations()).toHaveLength(activations);

  const lenient = { ...strict, allowRewind: true };
  expect(codeOf((await ask(lenient, "rollback", { generation: 1 })).outcome)).toBe("unsigned-commit");
  expect((await ask(lenient, "preview", { generation: 2 })).events).toContainEqual(
    expect.objectContaining({ kind: "preview", preview: expect.objectContaining({ units: expect.anything() }) }),
  );
  expect((await ask(lenient, "rollback", { generation: 2 })).outcome).toEqual({ state: "succeeded" });
  await writeFile(ledgerOf(place), "");
  const unknown = await ask(lenient, "rollback", { generation: 3 });
  expect(unknown.outcome).toMatchObject({ code: "unsigned-commit", reason: expect.stringMatching(/not known which commit/) });
}, 180_000);
