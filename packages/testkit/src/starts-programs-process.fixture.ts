/**
 * Starts a program, which starts another in a session of its own, and a browser; prints the pids of all and stays. With `worker` a process
 * that it forks does so.
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { readProcessTable } from "@nixfleet/runtime";
import { startBrowser } from "./browser.ts";
import { startProgram } from "./built-programs.ts";

const [how = "", directory = ""] = process.argv.slice(2);
if (how === "worker") fork(import.meta.filename, ["itself", directory]);
else {
  const program = startProgram(
    ["sh", "-c", "setsid sleep 600 & echo $!; wait"],
    { PATH: process.env.PATH ?? "" },
    join(directory, "program.log"),
  );
  const [inner] = await program.says(/\d+/);
  await startBrowser();
  const browsers = readProcessTable().filter(({ parent, pid }) => parent === process.pid && pid !== program.pid);
  process.stdout.write(`${JSON.stringify([process.pid, program.pid, Number(inner), ...browsers.map(({ pid }) => pid)])}\n`);
}
setInterval(() => {}, 60_000);
