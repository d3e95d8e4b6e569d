import type { Exec, ExecResult } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { isUnitAtWork, stopUnit } from "./activation-unit.ts";
import { daemonProcess, restartDaemon } from "./restart-daemon.ts";
import type { ServiceManagerHost } from "./service-manager.ts";

const host: ServiceManagerHost = { platform: "nixos", systemRoot: "", env: { PATH: "/bin", HOME: "/root", SECRET: "x" } };

/** systemctl, which answers one call after another; the last answer again and again. The lab's hosts have it for real. */
function createSystemctl(...answers: { exitCode?: number; stdout?: string }[]) {
  const calls: string[] = [];
  const exec: Exec = ({ argv, env }) => {
    expect(env).not.toHaveProperty("SECRET");
    const { exitCode = 0, stdout = "" } = answers[Math.min(calls.length, answers.length - 1)] ?? {};
    calls.push(argv.filter((word) => !word.startsWith("--")).join(" "));
    const result: ExecResult = { end: { kind: "exited", exitCode }, aborted: false, stdout, stderr: "", truncated: false };
    return { pid: 1, result: Promise.resolve(result) };
  };
  return { exec, calls };
}

const silence = { exitCode: 1 };
const active = { stdout: "active\n" };
const inactive = { stdout: "inactive\n" };

test("a unit is at work or not as the service manager says, asked again while that is silent", async () => {
  const busy = createSystemctl(silence, active);
  expect(await isUnitAtWork(busy.exec, "activation", host, "system")).toBe(true);
  expect(busy.calls).toEqual(["systemctl show activation.service", "systemctl show activation.service"]);
  const idle = createSystemctl(inactive);
  expect(await isUnitAtWork(idle.exec, "activation", host, "system")).toBe(false);
  expect(idle.calls).toHaveLength(1);
});

test("an activation without a unit, or a host without a service manager, has none at work, and nobody is asked", async () => {
  const { exec, calls } = createSystemctl(active);
  expect(await isUnitAtWork(exec, null, host, "system")).toBe(false);
  expect(await isUnitAtWork(exec, "activation", { ...host, systemRoot: "/tmp/host" })).toBe(false);
  await stopUnit(exec, null, host, "system");
  expect(calls).toEqual([]);
});

test("a unit that is at work after it was told to stop is told again, three times at most", async () => {
  const quick = createSystemctl({}, inactive);
  await stopUnit(quick.exec, "activation", host, "user");
  expect(quick.calls).toEqual(["systemctl stop activation", "systemctl show activation.service"]);
  const deaf = createSystemctl(active);
  await stopUnit(deaf.exec, "activation", host, "system");
  expect(deaf.calls.filter((call) => call.includes("stop"))).toHaveLength(3);
});

test("the daemon is told to start again, and whether that was taken is told; without a service manager it is not", async () => {
  const { exec, calls } = createSystemctl({}, { exitCode: 5 });
  expect(await restartDaemon(exec, host, "system")).toBe(true);
  expect(await restartDaemon(exec, host, "system")).toBe(false);
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
  expect(await daemonProcess(createSystemctl(answer).exec, host, "system")).toBe(pid);
  expect(await daemonProcess(createSystemctl(answer).exec, { ...host, systemRoot: "/tmp/host" })).toBeUndefined();
});
