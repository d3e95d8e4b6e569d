import type { Exec, ExecResult } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createSystemd, type SystemdScope } from "../systemd/systemd.ts";
import { isUnitActive, stopUnit } from "./activation-unit.ts";
import type { RecordedHost } from "./recorded-host.ts";
import { daemonProcess, restartDaemon } from "./restart-daemon.ts";

const hostEnv = { PATH: "/bin", HOME: "/root", SECRET: "x" };
const host: RecordedHost = { platform: "nixos", hostname: "gate", systemRoot: "", env: hostEnv };

/** systemctl, which answers one call after another; the last answer again and again. The lab's hosts have it for real. */
function createSystemctl(scope: SystemdScope, ...answers: { exitCode?: number; stdout?: string }[]) {
  const calls: string[] = [];
  const exec: Exec = ({ argv, env }) => {
    expect(env).not.toHaveProperty("SECRET");
    const { exitCode = 0, stdout = "" } = answers[Math.min(calls.length, answers.length - 1)] ?? {};
    calls.push(argv.filter((word) => word === "--user" || !word.startsWith("--")).join(" "));
    const result: ExecResult = { end: { kind: "exited", exitCode }, aborted: false, stdout, stderr: "", truncated: false };
    return { pid: 1, result: Promise.resolve(result) };
  };
  return { exec, calls, systemd: createSystemd({ exec, scope, env: hostEnv }) };
}

const silence = { exitCode: 1 };
const active = { stdout: "active\n" };
const inactive = { stdout: "inactive\n" };

test("a unit is running or not as systemd says, asked again while it is silent", async () => {
  const busy = createSystemctl("system", silence, active);
  expect(await isUnitActive(busy.exec, "activation", host, busy.systemd)).toBe(true);
  expect(busy.calls).toEqual(["systemctl show activation.service", "systemctl show activation.service"]);
  const idle = createSystemctl("system", inactive);
  expect(await isUnitActive(idle.exec, "activation", host, idle.systemd)).toBe(false);
  expect(idle.calls).toHaveLength(1);
});

test("an activation without a unit, or a host without systemd, has none running, and no systemctl is called", async () => {
  const { exec, calls, systemd } = createSystemctl("system", active);
  expect(await isUnitActive(exec, null, host, systemd)).toBe(false);
  expect(await isUnitActive(exec, "activation", { ...host, systemRoot: "/tmp/host" })).toBe(false);
  await stopUnit(exec, null, host, systemd);
  expect(calls).toEqual([]);
});

test("a unit that is running after a stop is stopped again, three times at most", async () => {
  const quick = createSystemctl("user", {}, inactive);
  await stopUnit(quick.exec, "activation", host, quick.systemd);
  expect(quick.calls).toEqual(["systemctl --user stop activation", "systemctl --user show activation.service"]);
  const deaf = createSystemctl("system", active);
  await stopUnit(deaf.exec, "activation", host, deaf.systemd);
  expect(deaf.calls.filter((call) => call.includes("stop"))).toHaveLength(3);
});

test("the daemon is restarted, and a refusal is reported; without systemd it is not", async () => {
  const { exec, calls, systemd } = createSystemctl("system", {}, { exitCode: 5 });
  expect(await restartDaemon(exec, host, systemd)).toBe(true);
  expect(await restartDaemon(exec, host, systemd)).toBe(false);
  expect(calls).toEqual(Array(2).fill("systemctl restart nixfleet-agent.service"));
  expect(await restartDaemon(exec, { ...host, systemRoot: "/tmp/host" })).toBe(false);
  expect(calls).toHaveLength(2);
});

test.for([
  [{ stdout: "4711\n" }, 4711],
  [{ stdout: "0\n" }, 0],
  [{ stdout: "" }, undefined],
  [{ stdout: "4711 of another kind\n" }, undefined],
  [{ stdout: "4711\n", exitCode: 1 }, undefined],
] as const)("of systemctl's answer %o the daemon's process is %s", async ([answer, pid]) => {
  const { exec, systemd } = createSystemctl("system", answer);
  expect(await daemonProcess(exec, host, systemd)).toBe(pid);
  expect(await daemonProcess(exec, { ...host, systemRoot: "/tmp/host" })).toBeUndefined();
});
