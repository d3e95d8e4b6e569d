import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { identifyProcess, isAlive } from "./process-identity.ts";
import { parsePs, parseStat, readProcess } from "./process-table.ts";

function sleeper(): ChildProcess {
  return spawn("sleep", ["60"], { stdio: "ignore" });
}

test("a process is alive until it ends, and its identity is not that of another one", async () => {
  const child = sleeper();
  const identity = identifyProcess(child.pid);
  if (identity === undefined) throw new Error("a child that was just started is alive");
  expect(isAlive(identity)).toBe(true);
  expect(identifyProcess()).not.toEqual(identity);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(identity)).toBe(false);
  expect(identifyProcess(child.pid)).toBeUndefined();
});

test("a pid that is used again, or a pid of another boot, is another process", () => {
  const self = identifyProcess();
  if (self === undefined) throw new Error("this process is alive");
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: "1" })).toBe(false);
  expect(isAlive({ ...self, bootId: "00000000-0000-0000-0000-000000000000" })).toBe(false);
});

test("a zombie is not alive", async () => {
  // `cat` takes the shell's place and waits for no child: one that ends from then on stays a zombie until `cat` ends.
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec cat"], { stdio: ["pipe", "pipe", "ignore"] });
  const [first] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(first.toString());
  parent.stdin.write("the shell is gone\n");
  await once(parent.stdout, "data");
  process.kill(pid, "SIGKILL");
  await expect.poll(() => identifyProcess(pid), { interval: 5, timeout: 50_000 }).toBeUndefined();
  expect(readProcess(pid)).toMatchObject({ pid, zombie: true });
  parent.kill("SIGKILL");
  await once(parent, "exit");
});

test("/proc/<pid>/stat is read whatever the program calls itself", () => {
  const rest = "S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 100";
  for (const name of ["sh", "a b", "x) R 1 1", "((", ""]) {
    expect(parseStat(`12 (${name}) ${rest}`)).toEqual({
      pid: 12,
      parent: 7,
      group: 8,
      session: 9,
      startTime: "4242",
      zombie: false,
    });
  }
  expect(parseStat("")).toBeUndefined();
});

test("ps(1) as macOS prints it is read", () => {
  const text = "    1     0     1 Ss   Mon Nov  3 10:00:00 2025    \n  501   1   501 Z+  Tue Nov  4 11:22:33 2025\n";
  expect(parsePs(text)).toEqual([
    { pid: 1, parent: 0, group: 1, session: undefined, startTime: "Mon Nov  3 10:00:00 2025", zombie: false },
    { pid: 501, parent: 1, group: 501, session: undefined, startTime: "Tue Nov  4 11:22:33 2025", zombie: true },
  ]);
});
