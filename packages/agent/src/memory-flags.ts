/**
 * V8's flags for the daemon (docs/decisions/0040 has what each of them saves). It waits nearly always, and the code of a compiler that
 * runs once stays in its memory: so functions are optimized only in what lasts, as a long log does, and by the smaller of V8's two
 * optimizing compilers. They are on Node's command line, since Maglev comes into use while Node itself starts. The bytecode of what
 * ran at the start goes with the second collection, a few seconds later, and not with the seventh, which never comes.
 */
export const DAEMON_FLAGS: readonly string[] = [
  "--no-opt",
  "--invocation-count-for-maglev=20000",
  "--optimize-for-size",
  "--semi-space-growth-factor=1",
  "--bytecode-old-age=1",
];

/** How a Node process was started: `execArgv` are Node's own options, and `argv[1]` is the program. */
export type Started = Readonly<Pick<NodeJS.Process, "execPath" | "execArgv" | "argv">>;

/**
 * The command line that starts a process again with those of the flags that its Node knows; undefined where it runs with some of them
 * already, so that it is started again once at most, or where its Node knows none.
 */
export function commandLineWith(
  flags: readonly string[],
  { execPath, execArgv, argv }: Started,
  knows: (flags: readonly string[]) => boolean,
): string[] | undefined {
  if (flags.some((flag) => execArgv.includes(flag))) return undefined;
  const known = knows(flags) ? flags : flags.filter((flag) => knows([flag]));
  return known.length === 0 ? undefined : [execPath, ...execArgv, ...known, ...argv.slice(1)];
}

/** Whether this Node starts with these flags: with one that its V8 does not know, it ends at once with exit code 9. */
export function nodeKnows(flags: readonly string[]): boolean {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  return spawnSync(process.execPath, [...flags, "--version"], { stdio: "ignore" }).status === 0;
}

/**
 * Starts this program again with flags that keep its memory small: by execve(2), so pid, environment and service stay what they are.
 * Returns where it runs with them already, or they cannot be had: then it goes on as it is. Whoever starts it with the same flags on
 * Node's command line saves a start of Node.
 */
export function reexecWithMemoryFlags(flags = DAEMON_FLAGS): void {
  if (process.execve === undefined) return;
  const commandLine = commandLineWith(flags, process, nodeKnows);
  if (commandLine !== undefined) process.execve(process.execPath, commandLine);
}

/**
 * Lets V8 collect early instead of growing, for the runner: it passes a stream through and keeps nothing. Maglev alone optimizes it
 * fast enough for a build. To be called before the work begins and before its code is loaded. A flag that V8 does not know changes
 * nothing; V8 says so on standard error.
 */
export function keepHeapSmall(
  flags: readonly string[] = ["--no-opt", "--optimize-for-size", "--semi-space-growth-factor=1"],
): void {
  // Not imported: it brings workers and more, which the daemon has no use for.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const flag of flags) setFlagsFromString(flag);
}
