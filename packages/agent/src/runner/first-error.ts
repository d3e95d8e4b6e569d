/** Finds the line of an output that says what went wrong. */
export interface ErrorFinder {
  read(text: string): void;
  /** The first line that speaks of a fault, else the last line that says anything. */
  first(): string | undefined;
}

export function createErrorFinder(): ErrorFinder {
  let error: string | undefined;
  let last: string | undefined;
  return {
    read(text) {
      if (text.trim() === "") return;
      last = text.slice(0, 2000);
      if (error === undefined && /\b(error|fatal|failed|cannot|denied)\b/i.test(text)) error = last;
    },
    first: () => error ?? last,
  };
}
