import { type Logger as Pino, pino } from "pino";

/** The log as parts use it: an object with data, then a sentence. */
export type Logger = Pick<Pino, "debug" | "info" | "warn" | "error">;

/** The program's log: a line of JSON on standard output for each entry. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Nothing logs headers or bodies of requests; this is a second line of defense (R58).
      redact: {
        paths: [
          "authorization",
          "cookie",
          "password",
          "token",
          "csrf",
          "*.authorization",
          "*.cookie",
          "*.password",
          "*.token",
          "*.csrf",
        ],
        censor: "[redacted]",
      },
    },
    // Write each entry synchronously. Pino's default buffers entries, and when the process exits after its reader is gone, it retries
    // forever (sonic-boom, flushSync on EPIPE).
    pino.destination({ dest: 1, sync: true }),
  );
}
