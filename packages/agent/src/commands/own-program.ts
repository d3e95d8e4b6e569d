/** Program and first argument that start this program again; a subcommand follows. Options of Node's are this process's own. */
export function ownProgram(): [string, ...string[]] {
  return [process.execPath, process.argv[1] ?? ""];
}
