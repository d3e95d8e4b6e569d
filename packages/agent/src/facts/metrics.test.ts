import { readFileSync } from "node:fs";
import { Metrics } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { isInMemory, readDisks } from "../disks.ts";
import { parseDarwinBootTime, parseNetstat, parseSwapUsage, parseVmStat } from "./darwin-output.ts";
import { createLinuxSource } from "./linux-source.ts";
import type { MachineSource } from "./machine-source.ts";
import { createMetricsReader } from "./metrics.ts";
import { parseCpu, parseLoad, parseMemory, parseNetwork, parseOsRelease } from "./proc-files.ts";

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const recorded = () => createLinuxSource(new URL("fixtures/linux", import.meta.url).pathname);

/** A source of which a test sets what it needs; the rest cannot be read. */
function partial(source: Partial<MachineSource>): MachineSource {
  const absent = async () => undefined;
  const nothing = {
    os: absent,
    kernel: absent,
    bootedAt: absent,
    memoryTotal: absent,
    cpu: absent,
    load: absent,
    network: absent,
  };
  return { ...nothing, memory: async () => ({}), ...source };
}

test("the recorded files of a Linux machine are read", async () => {
  const source = recorded();
  expect(await source.os()).toEqual({ name: "NixOS", version: "25.11 (Xantusia)" });
  expect(await source.kernel()).toBe("6.18.44");
  expect(await source.bootedAt()).toBe(1_767_225_600_000);
  expect(await source.memoryTotal()).toBe(24_684_092 * 1024);
  expect(await source.cpu()).toEqual({ busy: 82_429, total: 387_030 });
  expect(await source.network()).toEqual({ in: 1_602_237_712, out: 2_365_589 });
});

test("R24: zero is a measured zero: a machine without load and without swap says 0", async () => {
  const metrics = await createMetricsReader({ source: recorded(), disks: async () => [], clock: createFakeClock() }).read();
  expect(metrics.load).toBe(0);
  expect(metrics.swap).toEqual({ used: 0, total: 0 });
  expect(metrics.memory).toEqual({ used: (24_684_092 - 23_626_292) * 1024, total: 24_684_092 * 1024 });
});

test("R24: what cannot be read is absent from a measurement, not zero", async () => {
  const clock = createFakeClock();
  const nothing = createMetricsReader({ source: createLinuxSource("/nonexistent"), disks: async () => [], clock });
  expect(await nothing.read()).toEqual({ at: clock.now() });
  expect(await nothing.read()).toEqual({ at: clock.now() });
  for (const text of ["", "nonsense", "cpu", "cpu 1 2", "MemTotal: many kB", "\0"]) {
    expect(parseCpu(text)).toBeUndefined();
    expect(parseLoad(text)).toBeUndefined();
    expect(parseMemory(text)).toEqual({});
    expect(parseNetwork(text, () => true)).toBeUndefined();
    expect(parseOsRelease(text)).toBeUndefined();
  }
});

test("R24: the first measurement has no share of the processor and no rate of the network; an idle second one has zeros", async () => {
  const clock = createFakeClock();
  let busy = 100;
  let total = 1000;
  let received = 5000;
  const source = partial({ cpu: async () => ({ busy, total }), network: async () => ({ in: received, out: 0 }) });
  const reader = createMetricsReader({ source, disks: async () => [], clock });
  expect(await reader.read()).toEqual({ at: clock.now() });
  clock.advance(5000);
  total += 1000;
  expect(await reader.read()).toEqual({ at: clock.now(), cpu: 0, network: { in: 0, out: 0 } });
  clock.advance(5000);
  busy += 250;
  total += 1000;
  received += 10_000;
  expect(await reader.read()).toEqual({ at: clock.now(), cpu: 0.25, network: { in: 2000, out: 0 } });
});

test("counters that restart, and a pause of hours, give no rate", async () => {
  const clock = createFakeClock();
  let received = 5000;
  const source = partial({ network: async () => ({ in: received, out: 0 }) });
  const reader = createMetricsReader({ source, disks: async () => [], clock });
  await reader.read();
  clock.advance(5000);
  received = 10;
  expect((await reader.read()).network).toBeUndefined();
  clock.advance(7_200_000);
  received = 1_000_000;
  expect((await reader.read()).network).toBeUndefined();
});

test("this machine's own measurement fits the contract", async () => {
  const clock = createFakeClock();
  const reader = createMetricsReader({ source: createLinuxSource(), disks: () => readDisks(), clock });
  await reader.read();
  clock.advance(1000);
  expect(Metrics.parse(await reader.read())).toHaveProperty("disks");
});

test("each file system is reported once, what is not there is left out, and what root keeps for itself is not free", async () => {
  const disks = await readDisks(["/", "/nix", "/boot", "/gone"], {
    device: async (path) => {
      if (path === "/gone") throw new Error("ENOENT");
      return path === "/boot" ? 2 : 1;
    },
    statfs: async (path) =>
      path === "/boot"
        ? { bsize: 512, blocks: 100, bfree: 0, bavail: 0 }
        : { bsize: 4096, blocks: 1000, bfree: 400, bavail: 350 },
  });
  expect(disks).toEqual([
    { mount: "/", used: 600 * 4096, total: 950 * 4096 },
    { mount: "/boot", used: 51_200, total: 51_200 },
  ]);
});

test("the partitions that a machine boots from are among its disks, wherever they are mounted", async () => {
  const statfs = async () => ({ bsize: 1, blocks: 10, bfree: 5, bavail: 5 });
  const numbers: Record<string, number> = { "/": 1, "/nix": 1, "/boot": 2, "/efi": 3, "/boot/efi": 3 };
  const disks = await readDisks(undefined, { device: async (path) => numbers[path] ?? 1, statfs });
  expect(disks.map(({ mount }) => mount)).toEqual(["/", "/boot", "/efi"]);
});

test("a place is in memory if its file system is tmpfs or ramfs, or that of the nearest directory which is there", async () => {
  const on = (types: Record<string, number>) => async (path: string) => types[path];
  expect(await isInMemory("/var/lib/runner", on({ "/": 0x01021994 }))).toBe(true);
  expect(await isInMemory("/var/lib/runner", on({ "/": 0x858458f6, "/var/lib": 0xef53 }))).toBe(false);
  expect(await isInMemory("/var/lib/runner", on({ "/": 0xef53, "/var/lib/runner": 0x01021994 }))).toBe(true);
  expect(await isInMemory("/var/lib/runner", on({}))).toBe(false);
  // As the kernel says it: nothing in /proc is in memory by that name, and /dev/shm is by definition (shm_overview(7)).
  expect(await isInMemory("/proc/none/of/this")).toBe(false);
  expect(await isInMemory("/dev/shm/nixfleet/none")).toBe(true);
});

test("what macOS prints is read", () => {
  const total = 17_179_869_184;
  expect(parseVmStat(fixture("darwin/vm_stat"), total)).toEqual({ used: (403_012 + 137_410 + 75_121) * 16_384, total });
  expect(parseSwapUsage("total = 2048.00M  used = 1143.25M  free = 904.75M  (encrypted)")).toEqual({
    used: 1_198_784_512,
    total: 2_147_483_648,
  });
  expect(parseSwapUsage("total = 0.00M  used = 0.00M  free = 0.00M")).toEqual({ used: 0, total: 0 });
  expect(parseDarwinBootTime("{ sec = 1767225600, usec = 0 } Thu Jan  1 01:00:00 2026")).toBe(1_767_225_600_000);
  expect(parseNetstat(fixture("darwin/netstat"))).toEqual({ in: 9_122_334_455, out: 1_100_220_033 });
});

test("R24: what macOS does not print is absent", () => {
  expect(parseVmStat("", 1)).toBeUndefined();
  expect(parseSwapUsage("unknown oid")).toBeUndefined();
  expect(parseDarwinBootTime("")).toBeUndefined();
  expect(parseNetstat("")).toBeUndefined();
});
