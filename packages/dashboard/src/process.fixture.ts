import { spawn } from "node:child_process";
import { once } from "node:events";
import { builtProgram } from "@nixfleet/testkit/built-programs";

/** The built dashboard as a process of its own, with nothing in its environment but what is given. `launcher`: starts it. */
export function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
  launcher: readonly string[] = [],
) {
  const [program = "", ...words] = [...launcher, process.execPath, builtProgram("dashboard"), ...args];
  const child = spawn(program, words, {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: "pipe",
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  const hear = (add: (text: string) => void) => (chunk: Buffer) => {
    add(chunk.toString());
    for (const watcher of watchers) watcher();
  };
  child.stdout.on(
    "data",
    hear((text) => {
      stdout += text;
    }),
  );
  child.stderr.on(
    "data",
    hear((text) => {
      stderr += text;
    }),
  );
  child.stdin.end(input);
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    pid: child.pid ?? 0,
    ended,
    output: () => stdout + stderr,
    /** The first match in what it wrote to standard error; rejects if it ends without one. */
    says: (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stderr);
          if (match === null) return;
          watchers.delete(look);
          resolve(match);
        };
        watchers.add(look);
        look();
        void ended.then(() => reject(new Error(`It ended without saying ${pattern}:\n${stdout}${stderr}`)));
      }),
    async stop(signal: NodeJS.Signals = "SIGTERM") {
      child.kill(signal);
      return await ended;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Starts a dashboard on a port that the system chooses, and gives its address once it works. */
export async function startProcess(env: Readonly<Record<string, string>>) {
  const program = runProgram([], { NIXFLEET_PORT: "0", ...env });
  const [, origin = ""] = await program.says(/is running at (\S+)\n/);
  return { ...program, origin, link: `${origin.replace("http", "ws")}/agent/link` };
}
