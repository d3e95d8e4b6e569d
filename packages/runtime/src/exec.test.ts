import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeEnd, type ExecRequest, exec, succeeded } from "./exec.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { readProcess } from "./process-table.ts";

const env = { PATH: process.env.PATH ?? "" };
const sh = (script: string, more: Partial<ExecRequest> = {}): ExecRequest => ({ argv: ["sh", "-c", script], env, ...more });

/** Starts a script that prints pids, one a line, and resolves once it has printed `count` of them. */
async function startTree(script: string, count: number, more: Partial<ExecRequest> = {}) {
  const abort = new AbortController();
  let printed = "";
  const ready = Promise.withResolvers<void>();
  const running = exec(
    sh(script, {
      signal: abort.signal,
      ...more,
      onStdout: (chunk) => {
        printed += chunk.toString();
        if (printed.split("\n").length > count) ready.resolve();
      },
    }),
  );
  await ready.promise;
  const identities = printed
    .trim()
    .split("\n")
    .map((line) => identifyProcess(Number(line)))
    .filter((identity): identity is ProcessIdentity => identity !== undefined);
  expect(identities).toHaveLength(count);
  return { abort, running, identities };
}

test("a program's output, end and exit code are reported", async () => {
  const result = await exec(sh("echo out; echo err >&2; exit 3")).result;
  expect(result).toEqual({
    end: { kind: "exited", exitCode: 3 },
    aborted: false,
    stdout: "out\n",
    stderr: "err\n",
    truncated: false,
  });
  expect(describeEnd(result.end)).toBe("exit code 3");
  expect(succeeded(result)).toBe(false);
  expect(succeeded(await exec(sh("true")).result)).toBe(true);
});

test("a program killed by another is reported with the signal, and was not aborted", async () => {
  const result = await exec(sh("kill -SEGV $$")).result;
  expect(result).toMatchObject({ end: { kind: "signalled", signal: "SIGSEGV" }, aborted: false });
});

test("a program that cannot start says why, also where the directory is what is missing", async () => {
  const none = await exec({ argv: ["/nowhere/program"], env }).result;
  expect(none.end).toEqual({ kind: "spawn-failed", code: "ENOENT", message: "the program /nowhere/program was not found" });
  const noFolder = await exec(sh("true", { cwd: "/nowhere" })).result;
  expect(noFolder.end).toMatchObject({ kind: "spawn-failed", message: "the working directory /nowhere does not exist" });
  expect((await exec({ argv: ["/etc"], env }).result).end).toMatchObject({ kind: "spawn-failed", code: "EACCES" });
  expect((await exec({ argv: ["echo", "a\0b"], env }).result).end).toMatchObject({ kind: "spawn-failed" });
});

test("R10: arguments reach the program as they are, since no shell reads them", async () => {
  const hostile = ["$(id)", "`id`", "; id", "a b", "'", '"', "*", "\n", "--help"];
  const result = await exec({ argv: ["printf", "%s\\0", "--", ...hostile], env }).result;
  expect(result.stdout.split("\0").slice(-hostile.length - 1, -1)).toEqual(hostile);
});

test("the environment is the one that was given, and nothing of this process", async () => {
  process.env.EXEC_TEST_SECRET = "inherited";
  const result = await exec({ argv: ["env"], env: { PATH: env.PATH, GIVEN: "1" } }).result;
  delete process.env.EXEC_TEST_SECRET;
  expect(result.stdout.trim().split("\n").sort()).toEqual(["GIVEN=1", `PATH=${env.PATH}`]);
});

test("standard input is empty, or what was given; a program that does not read it is no fault", async () => {
  expect((await exec(sh("cat")).result).stdout).toBe("");
  expect((await exec(sh("cat", { stdin: "text" })).result).stdout).toBe("text");
  expect(succeeded(await exec(sh("true", { stdin: "x".repeat(1_000_000) })).result)).toBe(true);
});

test("capture is bounded, while callbacks get everything", async () => {
  let bytes = 0;
  const result = await exec(sh("head -c 3000000 /dev/zero", { captureBytes: 10, onStdout: (chunk) => (bytes += chunk.length) }))
    .result;
  expect({ bytes, kept: result.stdout.length, truncated: result.truncated }).toEqual({
    bytes: 3_000_000,
    kept: 10,
    truncated: true,
  });
});

test("R29: a child leads a session and a process group of its own", async () => {
  const { abort, running } = await startTree("echo $$; sleep 60", 1);
  const entry = readProcess(running.pid ?? 0);
  expect(entry).toMatchObject({ pid: running.pid, group: running.pid, session: running.pid });
  abort.abort();
  await running.result;
});

test("R9: stop ends the whole tree of a process, and only that", async () => {
  const other = await startTree("echo $$; exec sleep 60", 1);
  const tree = await startTree("sleep 60 & echo $!; (sleep 60 & echo $!; wait) & echo $!; echo $$; wait", 4);
  tree.abort.abort();
  const result = await tree.running.result;
  expect(result).toMatchObject({ aborted: true, end: { kind: "signalled", signal: "SIGTERM" } });
  expect(tree.identities.filter(isAlive)).toEqual([]);
  expect(other.identities.filter(isAlive)).toHaveLength(1);
  other.abort.abort();
  await other.running.result;
});

test("R9: what ignores SIGTERM is killed after the grace, also when its leader has ended before", async () => {
  const script = "sh -c 'trap \"\" TERM; echo $$; sleep 60; :' & echo $$; wait";
  const tree = await startTree(script, 2, { graceMs: 150 });
  tree.abort.abort();
  await tree.running.result;
  expect(tree.identities.filter(isAlive)).toEqual([]);
});

test("R9: a process that left the session, as Nix's builders do, is ended with the tree", async () => {
  const tree = await startTree("setsid sh -c 'echo $$; exec sleep 60' & echo $$; wait", 2, { graceMs: 150 });
  tree.abort.abort();
  await tree.running.result;
  expect(tree.identities.filter(isAlive)).toEqual([]);
});

test("R9: a signal that was aborted before keeps the program from starting", async () => {
  const folder = await mkdtemp(join(tmpdir(), "exec-"));
  const running = exec({ argv: ["touch", join(folder, "ran")], env, signal: AbortSignal.abort() });
  expect(await running.result).toMatchObject({ aborted: true, end: { kind: "spawn-failed", code: "ABORTED" } });
  expect((await exec({ argv: ["ls", folder], env }).result).stdout).toBe("");
  await rm(folder, { recursive: true });
});

test("a process left behind with the output open delays the end by no more than the drain, and lives on", async () => {
  const tree = await startTree("setsid sleep 60 & echo $!", 1, { drainMs: 100 });
  expect(await tree.running.result).toMatchObject({ end: { kind: "exited", exitCode: 0 }, aborted: false });
  expect(tree.identities.filter(isAlive)).toHaveLength(1);
  process.kill(tree.identities[0]?.pid ?? 0, "SIGKILL");
});

test("what a program leaves behind in its session is ended with it where that is asked for", async () => {
  const tree = await startTree("sleep 60 & echo $!", 1, { endLeftovers: true });
  expect(succeeded(await tree.running.result)).toBe(true);
  expect(tree.identities.filter(isAlive)).toEqual([]);
});

test("all output is there when the result is, however fast the program ends", async () => {
  for (let i = 0; i < 20; i++) {
    const tail = randomUUID();
    const result = await exec(sh(`head -c 200000 /dev/zero | tr '\\0' x; printf %s ${tail}`)).result;
    expect(result.stdout.length).toBe(200_036);
    expect(result.stdout.endsWith(tail)).toBe(true);
  }
});

test("a callback that throws ends the program, and the error is the caller's", async () => {
  const running = exec(
    sh("echo $$; exec sleep 60", {
      onStdout: () => {
        throw new Error("disk full");
      },
    }),
  );
  await expect(running.result).rejects.toThrow("disk full");
  expect(identifyProcess(running.pid)).toBeUndefined();
});
