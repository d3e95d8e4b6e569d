import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, type ProcessIdentity } from "@nixfleet/runtime";
import { compileCache, createTempDir, signIn } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";

interface Demo {
  child: ChildProcess;
  url: string;
  password: string;
}

/** Starts the demo as `make demo` does, and reads the address and the password that it prints. */
async function startDemo(root: string, port: number): Promise<Demo> {
  const args = [join(import.meta.dirname, "start.ts"), "--root", root, "--port", String(port), "--stand-in"];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...compileCache },
  });
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    if (said.includes("Stop ")) break;
  }
  const url = /Open\s+(\S+)/.exec(said)?.[1];
  const password = /Sign in\s+admin\s+(\S+)/.exec(said)?.[1];
  if (url === undefined || password === undefined) throw new Error(`the demo did not start: ${said}`);
  return { child, url, password };
}

/** The hosts' names and states, once all three are online. */
async function hostsOf({ url, password }: Demo): Promise<string[]> {
  const client = await signIn(url, "admin", password);
  const online = async () =>
    (await client.call("hosts", {})).items.filter(({ reachability }) => reachability.state === "online").map(({ name }) => name);
  await expect.poll(online, { interval: 100, timeout: 100_000 }).toHaveLength(3);
  return (await online()).sort();
}

function programsOf(root: string): ProcessIdentity[] {
  const folder = join(root, "pids");
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as ProcessIdentity);
}

test("the demo starts with three hosts online, ends all that it started, and continues where it stopped, also after SIGKILL", async () => {
  await using dir = await createTempDir("nixfleet-demo-");
  const root = join(dir.path, "state");
  const first = await startDemo(root, 0);
  let client: Awaited<ReturnType<typeof signIn>>;
  try {
    expect(await hostsOf(first)).toEqual(["db1", "laptop", "web1"]);
    expect(existsSync(join(root, "quickly"))).toBe(false);
    client = await signIn(first.url, "admin", first.password);
  } finally {
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
  }
  const left = programsOf(root);
  // The next start ends them; if it is not reached, they would live on.
  onTestFinished(() => {
    for (const program of left) if (isAlive(program)) process.kill(program.pid, "SIGKILL");
  });
  // They go on without the demo, and each agent logs a line, which no pipe to the demo would take any more.
  const refreshed = await client.call("startRuns", {
    body: { op: "refresh", args: {}, whenBlocked: "queue", hosts: ["db1", "laptop", "web1"] },
  });
  for (const { run } of refreshed.items) {
    if (run === null) throw new Error("a host refused to refresh");
    await expect
      .poll(async () => (await client.call("run", { params: { run: run.id } })).summary.state, { timeout: 100_000 })
      .toBe("succeeded");
  }
  expect(left.filter(isAlive)).toHaveLength(4);

  const second = await startDemo(root, 0);
  try {
    expect(left.filter(isAlive)).toEqual([]);
    expect(second.password).toBe(first.password);
    expect(await hostsOf(second)).toEqual(["db1", "laptop", "web1"]);
  } finally {
    const running = programsOf(root);
    second.child.kill("SIGINT");
    const [exitCode] = await once(second.child, "exit");
    expect(exitCode).toBe(0);
    expect(running.filter(isAlive)).toEqual([]);
  }
}, 180_000);
