import { useState } from "react";
import { formatDuration } from "../format/duration.ts";
import { ProblemError } from "../live/api.ts";
import { useTimed } from "../time/clock.ts";
import { messageOf } from "./message-of.ts";

/** The result of an attempt with a password, and how long the next one must wait. */
export interface Attempts {
  /** The error with the next step; undefined: none. */
  readonly fault: string | undefined;
  /** Why it cannot be tried now; undefined: it can. */
  readonly wait: string | undefined;
  readonly failed: (error: unknown) => void;
  readonly clear: () => void;
}

/** Keeps the error of the last attempt, and counts down if the dashboard asked to wait (`Retry-After`). */
export function useAttempts(): Attempts {
  const [fault, setFault] = useState<{ words: string; until: number } | undefined>();
  const left = useTimed(() => (fault === undefined ? 0 : Math.max(0, Math.ceil((fault.until - Date.now()) / 1_000))));
  const waiting = fault !== undefined && left > 0;
  return {
    // The server's next step is to wait; the button shows for how long.
    fault: fault === undefined || (fault.until > 0 && !waiting) ? undefined : fault.words,
    wait: waiting ? `Wait ${formatDuration(left * 1_000)}` : undefined,
    failed: (error) => {
      const seconds = error instanceof ProblemError ? error.retryAfter : null;
      setFault({
        words: error instanceof ProblemError && seconds !== null ? error.message : messageOf(error),
        until: seconds === null ? 0 : Date.now() + seconds * 1_000,
      });
    },
    clear: () => setFault(undefined),
  };
}
