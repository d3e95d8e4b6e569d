import { readFileSync } from "node:fs";

/** What a command printed on standard error, as it was recorded. */
export interface Recording {
  exitCode: number;
  lines: string[];
}

/** Reads a file of recordings: `=== name: exit code 1`, then lines; `\x1b` stands for an escape. */
export function readRecordings(url: URL): Map<string, Recording> {
  const recordings = new Map<string, Recording>();
  let current: Recording | undefined;
  for (const line of readFileSync(url, "utf8").trimEnd().split("\n")) {
    const [, name, exitCode] = /^=== (\S+): exit code (\d+)$/.exec(line) ?? [];
    if (name !== undefined) {
      current = { exitCode: Number(exitCode), lines: [] };
      recordings.set(name, current);
    } else current?.lines.push(line.replaceAll(/\\x1b/gi, "\u001b"));
  }
  return recordings;
}

export const NIX_VERSIONS = ["2.8", "2.26", "2.34"] as const;
export type NixVersion = (typeof NIX_VERSIONS)[number];

/** What that version of Nix printed: fixtures/record.sh says how it was recorded. */
export function recordedNix(
  kind: "evaluate" | "build",
  version: NixVersion | "2.26-daemon" | "2.34-daemon",
): Map<string, Recording> {
  return readRecordings(new URL(`fixtures/${kind}-${version}.txt`, import.meta.url));
}
