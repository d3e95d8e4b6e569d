import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

const fixture = new URL("./logging-process.fixture.ts", import.meta.url).pathname;

test("a process whose log is read by nobody any more ends all the same", async ({ onTestFinished }) => {
  const child = spawn(process.execPath, [fixture], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  expect(JSON.parse(line.toString())).toMatchObject({ level: 30, msg: "up" });
  child.stdout.destroy();
  child.stdin.end();
  expect(await ended).toEqual([3, null]);
});
