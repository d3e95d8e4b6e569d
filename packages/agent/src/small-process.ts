/**
 * What the daemon tells V8 (docs/decisions/0013). It waits nearly always, and the code of a compiler that runs once stays in its
 * memory: so functions are optimized only in what lasts, as a long log does, and by the smaller of V8's two optimizing compilers.
 * They stand on Node's command line, since Maglev comes into use while Node itself starts. The bytecode of what ran at the start
 * goes with the second collection, a few seconds later, and not with the seventh, which never comes.
 */
const DAEMON_OPTIONS = [
  "--no-opt",
  "--invocation-count-for-maglev=20000",
  "--invocation-count-for-maglev-osr=20000",
  "--optimize-for-size",
  "--semi-space-growth-factor=1",
  "--bytecode-old-age=1",
] as const;

/** How a process of Node's was started: `execArgv` are Node's own options, and `argv[1]` is the program. */
export type Started = Readonly<Pick<NodeJS.Process, "execPath" | "execArgv" | "argv">>;

/** The command line by which this process is started anew as a small one; undefined where it is one. */
export function smallCommandLine({ execPath, execArgv, argv }: Started): string[] | undefined {
  const missing = DAEMON_OPTIONS.filter((option) => !execArgv.includes(option));
  if (missing.length === 0) return undefined;
  return [execPath, ...execArgv, ...missing, ...argv.slice(1)];
}

/**
 * Makes this process a small one: by execve(2), so pid, environment and service stay what they are. It returns if it is one already,
 * which who starts it can have by giving the same options, and save a start of Node's.
 */
export function becomeSmall(): void {
  const commandLine = smallCommandLine(process);
  if (commandLine !== undefined) process.execve?.(process.execPath, commandLine);
}

/**
 * Lets V8 collect early instead of growing, for the runner: it passes a stream through and keeps nothing. Maglev alone optimizes it
 * fast enough for a build. To be called before the work begins and before its code is loaded.
 */
export function keepHeapSmall(): void {
  // Not imported: it brings workers and more, which the daemon has no use for.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const option of ["--no-opt", "--optimize-for-size", "--semi-space-growth-factor=1"]) setFlagsFromString(option);
}
