import { type FoundError, firstError, NOTHING_FOUND, readErrorLine } from "../error-lines.ts";

/** Finds the line of an output that a reader would point at. */
export interface ErrorFinder {
  read(text: string): void;
  /** Plain text. The first line that names a cause, else the best that there is; undefined: nothing was printed. */
  first(): string | undefined;
}

export function createErrorFinder(): ErrorFinder {
  let found: FoundError = NOTHING_FOUND;
  return {
    read(text) {
      found = readErrorLine(found, text);
    },
    first: () => firstError(found),
  };
}
