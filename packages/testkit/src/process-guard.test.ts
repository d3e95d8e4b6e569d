import { spawn } from "node:child_process";
import { once } from "node:events";
import { identifyProcess, isAlive } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { compileCache } from "./compile-cache.ts";
import { createTempDir } from "./temp-dir.ts";

const fixture = new URL("./starts-programs-process.fixture.ts", import.meta.url).pathname;

test.for([
  ["itself", "SIGINT"],
  ["itself", "SIGKILL"],
  // To the worker it is all the same how the runner has ended.
  ["worker", "SIGKILL"],
] as const)(
  "programs and browsers that a process started (%s) end with it when it gets %s",
  async ([how, signal], { onTestFinished }) => {
    await using directory = await createTempDir();
    const starter = spawn(process.execPath, [fixture, how, directory.path], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...compileCache },
    });
    onTestFinished(() => void starter.kill("SIGKILL"));
    const [line] = (await once(starter.stdout, "data")) as [Buffer];
    const started = (JSON.parse(line.toString()) as number[]).map((pid) => identifyProcess(pid));
    // The process itself or its worker, the program, what that has started, the watcher, and the browser.
    expect(started).toHaveLength(5);
    expect(started.every((identity) => identity !== undefined && isAlive(identity))).toBe(true);
    starter.kill(signal);
    const living = () => started.filter((identity) => identity !== undefined && isAlive(identity));
    await expect.poll(living, { interval: 20, timeout: 50_000 }).toEqual([]);
  },
);
