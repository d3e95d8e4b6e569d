import {
  appendFile,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { exec, succeeded } from "@nixfleet/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeCancel } from "../spool/daemon-entries.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createTestHost, makeRunId, type TestHost } from "./host.fixture.ts";
import { takeNext } from "./take-request.ts";

// The daemon was taken over and does in its own directories whatever it likes. The runner is root.

let host: TestHost;
let logged: string[];
beforeEach(async () => {
  host = await createTestHost({ host: {} });
  logged = [];
});
afterEach(() => host[Symbol.asyncDispose]());

const run = () => host.run({ log: (line) => logged.push(line) });
const layout = () => daemonLayout(host.config.stateDir);
const whole = (runId: RunId) => ({
  runId,
  op: "refresh",
  args: {},
  commit: null,
  deadline: 60_000,
  askedBy: "eve",
  force: false,
  receivedAt: 1,
});

async function makeFifo(path: string): Promise<void> {
  expect(succeeded(await exec({ argv: ["mkfifo", path], env: host.env }).result)).toBe(true);
}

/** A directory as somebody else has it: with files of the very names that a runner removes. */
async function makeElsewhere(runId: RunId): Promise<string> {
  const elsewhere = join(host.root, "elsewhere");
  await mkdir(elsewhere);
  for (const name of [`${runId}.json`, "wake.json", runId, "shadow"]) {
    await writeFile(join(elsewhere, name), JSON.stringify(whole(runId)));
  }
  return elsewhere;
}

test("R10: a queue that is a link is neither read nor emptied, and the runner says so", async () => {
  const runId = makeRunId();
  const elsewhere = await makeElsewhere(runId);
  await rm(layout().queue, { recursive: true });
  await symlink(elsewhere, layout().queue);
  expect(await run()).toEqual({ kind: "done", runs: 0 });
  expect(await readdir(elsewhere)).toHaveLength(4);
  expect(await readdir(runnerLayout(host.config.runnerDir).runs)).toEqual([]);
  expect(logged.join()).toContain(`${layout().queue} is no directory of its own`);
});

test("R10: a cancel directory that is a link cancels nothing and loses nothing, and neither does one that is a file", async () => {
  const runId = makeRunId();
  const elsewhere = await makeElsewhere(runId);
  await rm(layout().cancel, { recursive: true });
  await symlink(elsewhere, layout().cancel);
  expect((await host.doRun("refresh", {}, { runId })).outcome).toEqual({ state: "succeeded" });
  expect(await readdir(elsewhere)).toHaveLength(4);
  await rm(layout().cancel);
  await writeFile(layout().cancel, "");
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});

test("R10: directories in place of a request, of a cancel and of the wake never take what is in them along", async () => {
  const [full, empty] = [makeRunId(), makeRunId()];
  const { queue, cancel, wake, request, cancelRequest } = layout();
  for (const path of [request(full), wake, cancelRequest(full)]) {
    await mkdir(join(path, "inside"), { recursive: true });
  }
  await mkdir(request(empty));
  await run();
  for (const runId of [full, empty]) {
    expect(await host.outcome(runId)).toMatchObject({ state: "refused", code: "arguments-invalid" });
  }
  // Out of the queue, where they would keep a service manager starting runners, and whole.
  expect([await readdir(queue), await readdir(cancel)]).toEqual([[], [full]]);
  for (const name of [`refused-${full}.json`, "refused-wake.json"]) {
    expect(await readdir(join(host.config.stateDir, name))).toEqual(["inside"]);
  }
  const told = logged.filter((line) => line.includes("moved to"));
  expect(told).toHaveLength(1);
  await removeCancel(host.config.stateDir, full);
  expect(await readdir(join(host.config.stateDir, `refused-${full}`))).toEqual(["inside"]);
});

test("R10: thousands of files that are no requests are one line of the log, and so are those that can only be moved", async () => {
  const { queue, request } = layout();
  const runId = makeRunId();
  await writeFile(request(runId), JSON.stringify(whole(runId)));
  for (let number = 0; number < 2000; number++) await writeFile(join(queue, `junk-${number}`), "");
  for (let number = 0; number < 20; number++) await mkdir(join(queue, `full-${number}/inside`), { recursive: true });
  expect(await run()).toEqual({ kind: "done", runs: 1 });
  expect(await readdir(queue)).toEqual([]);
  expect(logged).toEqual([
    expect.stringMatching(/: "junk-0" is not a request and was removed\. There were 2000 such entries\.$/),
    expect.stringMatching(/: "full-0" could not be removed and was moved .* There were 20 such entries\.$/),
  ]);
});

test("R10: what can be neither removed nor moved stays, ends no runner, and is reported once", async () => {
  const runId = makeRunId();
  await mkdir(join(layout().request(runId), "inside"), { recursive: true });
  await mkdir(join(host.config.stateDir, `refused-${runId}.json`, "in the way"), { recursive: true });
  expect(await run()).toEqual({ kind: "done", runs: 0 });
  expect(await run()).toEqual({ kind: "done", runs: 0 });
  expect(await readdir(layout().request(runId))).toEqual(["inside"]);
  expect(logged.filter((line) => line.includes("it stays in the queue"))).toHaveLength(1);
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});

test("R10: a pipe blocks nobody, and a huge file is not read", async () => {
  const [piped, huge, sparse] = [makeRunId(), makeRunId(), makeRunId()];
  await makeFifo(layout().request(piped));
  await writeFile(layout().request(huge), `${JSON.stringify(whole(huge))}${" ".repeat(300 * 1024)}`);
  await writeFile(layout().request(sparse), "");
  await truncate(layout().request(sparse), 2 ** 40);
  await makeFifo(layout().acknowledged);
  await run();
  for (const runId of [piped, huge, sparse]) {
    expect(await host.outcome(runId)).toMatchObject({ state: "refused", code: "arguments-invalid" });
  }
  expect(await readdir(layout().queue)).toEqual([]);
  expect(logged.join()).toContain("no run counts as stored");
});

test("R10: a hard link to a secret shows nothing of it, in no event, outcome or log", async () => {
  const secret = "root:$6$never-to-be-seen$hash:19000:0:99999:7:::";
  const shadow = join(host.root, "shadow");
  await writeFile(shadow, `${secret}\n`, { mode: 0o600 });
  const [linked, quoted] = [makeRunId(), makeRunId()];
  await link(shadow, layout().request(linked));
  // The last name of a file that was replaced since: only its owner tells that it is none of the daemon's. Here it is, so it is
  // read, and found to be no request: what it says is quoted nowhere either.
  await writeFile(layout().request(quoted), `${secret}\n`);
  await run();
  const told = JSON.stringify([
    await Promise.all([linked, quoted].map(host.events)),
    await Promise.all([linked, quoted].map(host.outcome)),
    logged,
  ]);
  expect(told).not.toContain("never-to-be-seen");
  expect(told).not.toContain("root:");
  expect(await host.outcome(linked)).toMatchObject({ state: "refused", reason: expect.stringContaining("with one name") });
  expect(await host.outcome(quoted)).toMatchObject({ state: "refused", reason: expect.stringContaining("is not JSON") });
  expect(await readFile(shadow, "utf8")).toBe(`${secret}\n`);
  expect((await lstat(shadow)).nlink).toBe(1);
});

test.runIf(process.getuid?.() === 0)("R10: a file of another user in the queue is not read", async () => {
  const runId = makeRunId();
  await writeFile(layout().request(runId), JSON.stringify(whole(runId)));
  await chown(layout().request(runId), 65_534, 65_534);
  await run();
  expect(await host.outcome(runId)).toMatchObject({ state: "refused", reason: expect.stringContaining("belongs to user 65534") });
});

test("R10: a file that changes while it is read is the request of its name or none at all", async () => {
  const [a, b] = [makeRunId(), makeRunId()];
  const texts = [JSON.stringify(whole(a)), JSON.stringify({ ...whole(b), op: "reboot" }), "{", "x".repeat(100_000)];
  const [path, beside] = [layout().request(a), join(host.config.stateDir, "beside")];
  const { runs, run: runLayout } = runnerLayout(host.config.runnerDir);
  let isOver = false;
  const change = async () => {
    for (let i = 0; !isOver; i++) {
      const text = texts[i % texts.length] ?? "";
      // In place and by halves, and by another file.
      await writeFile(path, text.slice(0, text.length / 2));
      await appendFile(path, text.slice(text.length / 2));
      await writeFile(beside, text);
      await rename(beside, path);
    }
  };
  const changing = change();
  const taken = new Set<string>();
  for (let i = 0; i < 60 || taken.size === 0; i++) {
    const request = await takeNext({ ...host.deps, log: () => {} });
    if (request !== undefined) taken.add(`${request.runId} ${request.op}`);
    const there = await readdir(runs);
    expect([[], [a]]).toContainEqual(there);
    await rm(runLayout(a).dir, { recursive: true, force: true });
  }
  isOver = true;
  await changing;
  expect([...taken]).toEqual([`${a} refresh`]);
});
