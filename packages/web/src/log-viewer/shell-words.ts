/** A word as a POSIX shell reads it back: as it is where that is safe, else in single quotes. */
export function shellWord(word: string): string {
  return /^[\w%+,./:=@^-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** An argument list as one line that a shell reads back to the same list. */
export function shellLine(argv: readonly string[]): string {
  return argv.map(shellWord).join(" ");
}
