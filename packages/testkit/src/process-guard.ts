import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { compileCache } from "./compile-cache.ts";

let watcher: Socket | undefined;

/**
 * Has a process and all that comes from it ended when this one is gone: by its own will, by a signal, or killed outright, when it can
 * tidy up no more. The returned function is to be called once the process has ended.
 */
export function endWithThisProcess(pid: number): () => void {
  watcher ??= startWatcher();
  watcher.write(`+${pid}\n`);
  return () => void watcher?.write(`-${pid}\n`);
}

/** The system closes the pipe when this process is gone, whatever has ended it, and that is what the watcher waits for. */
function startWatcher(): Socket {
  const child = spawn(process.execPath, [new URL("./process-guard-worker.ts", import.meta.url).pathname], {
    stdio: ["pipe", "ignore", "ignore"],
    env: compileCache,
    // A session of its own: a signal to our whole group is not meant for who tidies up after it.
    detached: true,
  });
  child.unref();
  if (!(child.stdin instanceof Socket)) throw new Error("Node gave no socket for a pipe.");
  child.stdin.unref();
  // A worker of a test runner outlives a runner that is killed, and continues with nobody to report to.
  if (process.connected) process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  return child.stdin;
}
