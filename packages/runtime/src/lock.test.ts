import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockOwner, takeLock } from "./lock.ts";
import { identifyProcess } from "./process-identity.ts";

const lockModule = fileURLToPath(new URL("./lock.ts", import.meta.url));
let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  path = join(folder, "runner.lock");
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** A real process that runs a script with `takeLock` at hand; `next` gives the lines that it prints. */
function contender(script: string, more: Record<string, string> = {}) {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", `import { takeLock } from ${JSON.stringify(lockModule)};\n${script}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, LOCK: path, ...more },
    },
  );
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value };
}

const holdForEver = "console.log((await takeLock(process.env.LOCK)).ok); setInterval(() => {}, 1000);";

test("a lock is taken once: a second taker is reported who has it, and gets it after the release", async () => {
  const first = await takeLock(path);
  expect(await takeLock(path)).toEqual({ ok: false, owner: identifyProcess() });
  if (first.ok) await first.lock.release();
  const second = await takeLock(path);
  expect(second.ok).toBe(true);
  if (first.ok) await first.lock.release(); // late and again: it is not this one's any more
  expect((await takeLock(path)).ok).toBe(false);
  if (second.ok) await second.lock[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
});

test("an owner killed with SIGKILL does not keep the lock, and while it lives it does", async () => {
  const { child, next } = contender(holdForEver);
  expect(await next()).toBe("true");
  expect(await takeLock(path)).toMatchObject({ ok: false, owner: { pid: child.pid } });
  child.kill("SIGKILL");
  await once(child, "exit");
  const taken = await takeLock(path);
  expect(taken.ok).toBe(true);
  if (taken.ok) await taken.lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test("a pid that is used again does not keep the lock, nor does one of another boot, nor a torn file", async () => {
  const self = identifyProcess();
  const dead = [
    JSON.stringify({ owner: { ...self, startTime: "1" }, nonce: "a" }),
    JSON.stringify({ owner: { ...self, bootId: "an earlier boot" }, nonce: "a" }),
    "",
    '{"owner":',
  ];
  for (const content of dead) {
    await writeFile(path, content);
    const taken = await takeLock(path);
    expect(taken.ok).toBe(true);
    if (taken.ok) await taken.lock.release();
  }
});

test("a guard left by a process that died while it cleared a dead owner's lock is cleared too", async () => {
  const dead = JSON.stringify({ owner: { ...identifyProcess(), startTime: "1" }, nonce: "a" });
  await writeFile(path, dead);
  await writeFile(`${path}.steal`, dead);
  expect((await takeLock(path)).ok).toBe(true);
  expect(await readdir(folder)).toEqual(["runner.lock"]);
});

test("R30: of many processes that find a dead owner's lock at once, one at a time gets it", async () => {
  // Each taker leaves a dead lock behind (it plants one in place of its own), so that every taking is a theft.
  const DEAD = JSON.stringify({ owner: { ...identifyProcess(), startTime: "1" }, nonce: "dead" });
  await writeFile(path, DEAD);
  const script = `
    import { closeSync, openSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
    const { LOCK, DEAD, INSIDE } = process.env;
    let taken = 0;
    while (taken < 12) {
      if (!(await takeLock(LOCK)).ok) continue;
      closeSync(openSync(INSIDE, "wx")); // throws when another one is inside
      // Long enough for a thief that comes too late to take it away, and for another one to come in.
      await new Promise((resolve) => setTimeout(resolve, 10));
      taken++;
      unlinkSync(INSIDE);
      const planted = LOCK + "." + process.pid;
      writeFileSync(planted, DEAD.replace('"dead"', '"dead' + process.pid + "-" + taken + '"'));
      renameSync(planted, LOCK);
    }
    console.log(taken);`;
  const takers = Array.from({ length: 4 }, () => contender(script, { DEAD, INSIDE: join(folder, "inside") }));
  expect(await Promise.all(takers.map(({ next }) => next()))).toEqual(["12", "12", "12", "12"]);
  expect(await readFile(path, "utf8")).toContain("dead");
});

test("the owner of a lock is named while it lives, without touching the lock", async () => {
  expect(await lockOwner(path)).toBeUndefined();
  const taken = await takeLock(path);
  if (!taken.ok) throw new Error("it was taken");
  expect(await lockOwner(path)).toEqual(identifyProcess());
  await taken.lock.release();
  await writeFile(path, JSON.stringify({ owner: { ...identifyProcess(), startTime: "1" }, nonce: "a" }));
  expect(await lockOwner(path)).toBeUndefined();
  expect(await readdir(folder)).toEqual(["runner.lock"]);
});
