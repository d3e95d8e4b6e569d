import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { type Exec, type ExecRequest, identifyProcess } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createSystemd, type SystemdScope } from "../systemd/systemd.ts";
import { stopUnit } from "./activation-unit.ts";
import { createDeadmanTimer, stopTimer } from "./timer.ts";

const runId = "01jd0000000000000000000001" as RunId;

/** `systemctl show --property=ActiveState,SubState` of a timer, as systemd 252, 257 and 262 print it. */
const WAITING = "ActiveState=active\nSubState=waiting\n";

/** What a timer asks of systemd, which does not run this machine: the lab's hosts have it for real. */
async function startTimerOn(scope: SystemdScope, end: number, { stderr = "", number = 1, shown = WAITING } = {}) {
  const requests: ExecRequest[] = [];
  const exec: Exec = (request) => {
    requests.push(request);
    const end_ = { kind: "exited", exitCode: end } as const;
    const stdout = request.argv.includes("show") ? shown : "";
    return { pid: 1, result: Promise.resolve({ end: end_, aborted: false, stdout, stderr, truncated: false }) };
  };
  const env = { PATH: "/bin", HOME: "/root", XDG_RUNTIME_DIR: "/run/user/7", NIXFLEET_CONFIRM_TIMEOUT: "5", SECRET: "x" };
  const timer = createDeadmanTimer(
    {
      program: "/var/lib/nixfleet-runner/deadman-program",
      runnerDir: "/var/lib/nixfleet-runner",
      host: {
        platform: scope === "system" ? "nixos" : "home-manager",
        hostname: "gate",
        systemRoot: "",
        env,
      },
      exec,
    },
    createSystemd({ exec, scope, env }),
  );
  const start = { runId, seconds: 120, number };
  return { fault: await timer.start(start), unit: timer.unitOf(start), requests };
}

test("with systemd the time is kept by a transient timer of the monotonic clock, with nothing of the agent's settings", async () => {
  const { fault, unit, requests } = await startTimerOn("system", 0);
  expect([fault, unit]).toEqual([undefined, `nixfleet-deadman-${runId}`]);
  expect(requests[0]?.argv).toEqual([
    "systemd-run",
    ...["--quiet", "--no-ask-password", "--collect", `--unit=nixfleet-deadman-${runId}`],
    `--description=Undoes what run ${runId} has activated, unless it is confirmed`,
    ...["--on-active=120s", "--timer-property=AccuracySec=1s"],
    ...["--setenv=PATH=/bin", "--setenv=HOME=/root", "--setenv=NIXFLEET_RUNNER_DIR=/var/lib/nixfleet-runner", "--"],
    ...["/var/lib/nixfleet-runner/deadman-program", "deadman", "--run", runId],
  ]);
});

test("a user's own systemd is asked where a user's home is managed, and its refusal is reported", async () => {
  const { fault, requests } = await startTimerOn("user", 1, { stderr: "Failed to connect to bus\n" });
  expect(fault).toBe("systemd-run: Failed to connect to bus");
  expect(requests[0]?.argv.slice(0, 2)).toEqual(["systemd-run", "--user"]);
  expect(requests[0]?.env).toEqual({ LC_ALL: "C", PATH: "/bin", HOME: "/root", XDG_RUNTIME_DIR: "/run/user/7" });
});

test("R82: a timer that systemd does not say is waiting was not started, and is not left behind", async () => {
  for (const shown of ["ActiveState=inactive\nSubState=dead\n", "ActiveState=active\nSubState=elapsed\n", ""]) {
    const { fault, unit, requests } = await startTimerOn("system", 0, { shown });
    expect(fault).toContain(`${unit}.timer is waiting`);
    expect(requests.at(-1)?.argv).toEqual(["systemctl", "stop", `${unit}.timer`]);
  }
});

test("R68: the timer of an extended window has a name of its own, beside the one that still waits", async () => {
  const { fault, unit, requests } = await startTimerOn("system", 0, { number: 3 });
  expect([fault, unit]).toEqual([undefined, `nixfleet-deadman-${runId}-3`]);
  expect(requests.map(({ argv }) => argv.slice(0, 2).join(" "))).toEqual([
    "systemctl stop",
    "systemd-run --quiet",
    "systemctl show",
  ]);
});

test("R37: what a record names is stopped by the systemd of the host's scope, though that is not found at the moment", async () => {
  const calls: string[] = [];
  const exec: Exec = ({ argv }) => {
    calls.push(argv.join(" "));
    const end = { kind: "exited", exitCode: 0 } as const;
    return { pid: 1, result: Promise.resolve({ end, aborted: false, stdout: "", stderr: "", truncated: false }) };
  };
  const record = { hostname: "gate", systemRoot: "/elsewhere", env: {} };
  await stopTimer(exec, "nixfleet-deadman-x", { ...record, platform: "home-manager" });
  await stopUnit(exec, "nixfleet-undo", { ...record, platform: "nixos" });
  await stopTimer(exec, null, { ...record, platform: "nixos" });
  await stopUnit(exec, null, { ...record, platform: "nixos" });
  expect(calls).toEqual(["systemctl --user stop nixfleet-deadman-x.timer", "systemctl stop nixfleet-undo"]);
});

/** A timer that is a process: `script` is what it runs, in a folder where it may leave what a test is to see. */
async function startProcessTimer(script: string) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const program = join(dir.path, "program");
  await writeFile(program, script);
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/root", SECRET: "x" };
  const exec: Exec = () => {
    throw new Error("no systemd is asked");
  };
  const host = { platform: "nixos", hostname: "gate", systemRoot: dir.path, env } as const;
  const timer = createDeadmanTimer({ program, runnerDir: dir.path, host, exec });
  const fault = await timer.start({ runId, seconds: 120, number: 1 });
  const pid = Number(await readFile(join(dir.path, "pid"), "utf8"));
  onTestFinished(() => {
    if (identifyProcess(pid) !== undefined) process.kill(pid, "SIGKILL");
  });
  return { fault, pid, unit: timer.unitOf({ runId, number: 1 }), said: (name: string) => readFile(join(dir.path, name), "utf8") };
}

test("without systemd a process keeps the time: in a group of its own, with nothing of the settings, and nothing waits for it", async () => {
  // What would keep this process from ending.
  const held = () => process.getActiveResourcesInfo().filter((name) => ["PipeWrap", "ProcessWrap"].includes(name)).length;
  const before = held();
  const { fault, pid, unit, said } = await startProcessTimer(
    `echo $$ >"$NIXFLEET_RUNNER_DIR/pid"; echo "$@" >"$NIXFLEET_RUNNER_DIR/args"; env >"$NIXFLEET_RUNNER_DIR/env"
     echo "keeping the time"; exec sleep 1000`,
  );
  expect([fault, unit]).toEqual([undefined, null]);
  expect(await said("args")).toBe(`deadman --run ${runId} --after 120\n`);
  expect(await said("env")).not.toContain("SECRET");
  expect(Number(execFileSync("ps", ["-o", "pgid=", "-p", String(pid)]))).toBe(pid);
  expect(held()).toBe(before);
});

test("a process that says something else does not keep the time, and is ended", async () => {
  const { fault, pid } = await startProcessTimer(
    `echo $$ >"$NIXFLEET_RUNNER_DIR/pid"; echo "not keeping it"; exec >/dev/null; exec sleep 1000`,
  );
  expect(fault).toBe("The program that is to undo does not start.");
  await expect.poll(() => identifyProcess(pid)).toBeUndefined();
});

test("a process that ends without a word does not keep the time", async () => {
  const { fault } = await startProcessTimer(`echo $$ >"$NIXFLEET_RUNNER_DIR/pid"`);
  expect(fault).toBe("The program that is to undo does not start.");
});
