import { type Disk, machineDisk, writeAtomic } from "@nixfleet/runtime";

/** Program and first arguments that start this very agent again, a subcommand follows. */
export type AgentProgram = readonly [string, ...string[]];

/**
 * Writes the small program that a timer or a boot starts: it starts the agent that armed the dead-man switch, and not the one
 * that may have been installed since and may be broken.
 */
export function writeDeadmanProgram(path: string, program: AgentProgram, disk: Disk = machineDisk): Promise<void> {
  const text = `#!/bin/sh\n# Written when the dead-man switch was armed.\nexec ${program.map(quote).join(" ")} "$@"\n`;
  return writeAtomic(path, text, { mode: 0o755, disk });
}

/** A word for sh(1): nothing within single quotes means anything but the quote itself. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
