import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Facts, type FactsReading } from "@nixfleet/protocol";
import { exec, systemClock } from "@nixfleet/runtime";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createFactKeeper, type FactReader } from "./fact-keeper.ts";
import { createLinuxSource } from "./linux-source.ts";
import { nixSystem, readAgentFacts, readMachineFacts, storePathOf } from "./machine-facts.ts";
import { readNixVersion } from "./nix-version.ts";
import { createProblems } from "./problems.ts";

function setUp(readers: Record<string, FactReader>) {
  const clock = createFakeClock();
  const lines: { event: string }[] = [];
  const log = createLog({ level: "debug", clock, write: (line) => lines.push(JSON.parse(line)), secrets: [] });
  return { clock, lines, keeper: createFactKeeper({ readers, clock, log, limit: 1000 }) };
}

const factsOf = (reading: FactsReading | undefined) => reading?.facts;

test("R20: only what changed is reported, and what cannot be read now is left out of it", async () => {
  let cores: number | undefined = 2;
  let kernel: string | undefined = "6.1";
  const { keeper } = setUp({ machine: async () => ({ ...(cores !== undefined && { cores }), ...(kernel && { kernel }) }) });
  expect(factsOf(await keeper.refresh())).toEqual({ cores: 2, kernel: "6.1" });
  expect(await keeper.refresh()).toBeUndefined();
  cores = 4;
  expect(factsOf(await keeper.refresh())).toEqual({ cores: 4 });
  kernel = undefined;
  cores = undefined;
  expect(await keeper.refresh()).toBeUndefined();
  kernel = "6.1";
  expect(await keeper.refresh()).toBeUndefined();
});

test("R20: a fact that a hello could not tell is reported as soon as it can be read", async () => {
  let kernel: string | undefined;
  const { keeper } = setUp({ machine: async () => ({ cores: 2, ...(kernel && { kernel }) }) });
  kernel = "6.1";
  await keeper.refresh();
  kernel = undefined;
  await keeper.refresh();
  expect(factsOf(keeper.all())).toEqual({ cores: 2 });
  kernel = "6.1";
  expect(factsOf(await keeper.refresh())).toEqual({ kernel: "6.1" });
});

test("R21: a reader that fails or hangs keeps neither the others nor the link waiting, and is logged once", async () => {
  const { keeper, clock, lines } = setUp({
    hanging: () => new Promise(() => {}),
    failing: async () => {
      throw new Error("disk on fire");
    },
    fine: async () => ({ cores: 2 }),
  });
  for (let i = 0; i < 2; i++) {
    const reading = keeper.refresh();
    await clock.advanceAsync(1000);
    expect(factsOf(await reading)).toEqual(i === 0 ? { cores: 2 } : undefined);
  }
  expect(lines.map((line) => line.event)).toEqual(["facts-unreadable", "facts-unreadable"]);
});

test("R22: a reading is stamped with the time before it began", async () => {
  const { keeper, clock } = setUp({
    slow: async () => {
      clock.advance(500);
      return { cores: 2 };
    },
  });
  const before = clock.now();
  expect((await keeper.refresh())?.readAt).toBe(before);
});

test("R21: reading the facts of a host runs `nix --version` and nothing else of Nix: no evaluation, no build", async () => {
  await using dir = await createTempDir();
  const record = join(dir.path, "calls");
  const bin = join(dir.path, "bin");
  await mkdir(bin);
  for (const name of ["nix", "nix-build", "nix-store", "nix-instantiate", "nix-env"]) {
    await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${record}\necho "nix (Nix) 2.28.3"\n`);
    await chmod(join(bin, name), 0o755);
  }
  expect(await readNixVersion({ exec, env: { PATH: `${bin}:${process.env["PATH"]}` } })).toBe("2.28.3");
  expect(await readFile(record, "utf8")).toBe("nix --version\n");
});

test("R24: without Nix its version is absent", async () => {
  expect(await readNixVersion({ exec, env: { PATH: "/nonexistent" } })).toBeUndefined();
});

test("the machine's own facts fit the contract", async () => {
  const source = createLinuxSource();
  const facts = { ...(await readMachineFacts({ source, platform: "nixos" })), ...(await readAgentFacts(systemClock.now())) };
  expect(Object.keys(Facts.partial().parse(facts)).sort()).toEqual(
    ["agent", "boot", "cores", "kernel", "memoryTotal", "os", "platform", "system"].sort(),
  );
});

test("a program knows the store path that it runs from", async () => {
  const closure = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixfleet-agent-0.1.0";
  expect(await storePathOf("/bin/x", async () => `${closure}/lib/nixfleet-agent.js`)).toBe(closure);
  expect(await storePathOf("/bin/x", async () => "/usr/lib/nixfleet-agent.js")).toBeUndefined();
  expect(await storePathOf("/nonexistent/x")).toBeUndefined();
  expect(nixSystem("x64", "linux")).toBe("x86_64-linux");
  expect(nixSystem("arm64", "darwin")).toBe("aarch64-darwin");
});

test("a problem that persists keeps its first time", () => {
  const clock = createFakeClock();
  const problems = createProblems(clock);
  const at = clock.now();
  expect(problems.set("nix", "nix-missing", "no nix")).toBe(true);
  clock.advance(1000);
  expect(problems.set("nix", "nix-missing", "no nix")).toBe(false);
  expect(problems.list()).toEqual([{ code: "nix-missing", message: "no nix", at }]);
  expect(problems.clear("nix")).toBe(true);
  expect(problems.list()).toEqual([]);
});
