import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { commandLineWith, DAEMON_FLAGS, nodeKnows } from "./memory-flags.ts";

const execPath = "/bin/node";
const program = ["/lib/nixfleet-agent.js", "run", "--runner=service"];
const started = (...execArgv: string[]) => ({ execPath, execArgv, argv: [execPath, ...program] });

/** A flag that no V8 has: so a future one looks that has dropped one of ours. */
const DROPPED = "--no-such-flag=1";

test("A daemon is started again with its flags, once, with all that it was given", () => {
  const first = commandLineWith(DAEMON_FLAGS, started("--trace-warnings"), () => true) ?? [];
  expect(first).toEqual([execPath, "--trace-warnings", ...DAEMON_FLAGS, ...program]);
  expect(commandLineWith(DAEMON_FLAGS, started(...first.slice(1, -3)), () => true)).toBeUndefined();
});

test("A flag that Node does not know is left out, and with none that it knows nothing is started again", () => {
  const knows = (flags: readonly string[]) => !flags.includes(DROPPED);
  const first = commandLineWith(["--no-opt", DROPPED], started(), knows) ?? [];
  expect(first).toEqual([execPath, "--no-opt", ...program]);
  expect(commandLineWith(["--no-opt", DROPPED], started(...first.slice(1, -3)), knows)).toBeUndefined();
  expect(commandLineWith([DROPPED], started(), knows)).toBeUndefined();
});

test("This Node knows every flag of the daemon's, and says so of one that it does not know", () => {
  expect(DAEMON_FLAGS.filter((flag) => !nodeKnows([flag]))).toEqual([]);
  expect(nodeKnows(DAEMON_FLAGS)).toBe(true);
  expect(nodeKnows([...DAEMON_FLAGS, DROPPED])).toBe(false);
});

test("A daemon whose Node has dropped a flag starts all the same, with the others", async () => {
  await using temp = await createTempDir();
  const file = join(temp.path, "daemon.mjs");
  const module = JSON.stringify(join(import.meta.dirname, "memory-flags.ts"));
  const code = `import { reexecWithMemoryFlags } from ${module};
reexecWithMemoryFlags(process.argv.slice(2));
console.log(JSON.stringify(process.execArgv));`;
  await writeFile(file, code);
  const daemon = (...flags: string[]) => spawnSync(process.execPath, [file, ...flags], { encoding: "utf8" });
  expect(daemon("--no-opt", DROPPED)).toMatchObject({ status: 0, stdout: '["--no-opt"]\n' });
  expect(daemon(DROPPED)).toMatchObject({ status: 0, stdout: "[]\n" });
});

test("A runner whose Node has dropped a flag goes on without it", () => {
  const module = JSON.stringify(join(import.meta.dirname, "memory-flags.ts"));
  const code = `import { keepHeapSmall } from ${module};
keepHeapSmall([${JSON.stringify(DROPPED)}, "--no-opt"]);
console.log("goes on");`;
  const runner = spawnSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" });
  expect(runner).toMatchObject({ status: 0, stdout: "goes on\n" });
});
