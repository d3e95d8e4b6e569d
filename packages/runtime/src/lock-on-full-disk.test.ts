import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { takeLock } from "./lock.ts";
import { takeLockOnFullDisk } from "./lock-on-full-disk.ts";

const full = () => Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));

test("R26: R41: a full disk keeps no program from its start, unless another one has the lock", async () => {
  await using directory = await createTempDir("nixfleet-own-lock-");
  const path = join(directory.path, "daemon.lock");
  const told: string[] = [];
  const tell = ({ message }: Error) => void told.push(message);

  const alone = await takeLockOnFullDisk(path, tell, full);
  const other = await takeLock(path);
  const second = await takeLockOnFullDisk(path, tell, full);

  expect(alone.ok).toBe(true);
  expect(told).toEqual(["no space left on device"]);
  expect(other.ok).toBe(true);
  expect(second).toMatchObject({ ok: false, owner: { pid: process.pid } });
});

test("any other fault of the lock is one", async () => {
  await expect(takeLockOnFullDisk("/proc/none/daemon.lock", () => {})).rejects.toThrow("ENOENT");
});
