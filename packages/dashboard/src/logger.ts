import { type Logger as Pino, pino } from "pino";

/** What a part needs of the program's log: an object with the facts, then a sentence. */
export type Logger = Pick<Pino, "debug" | "info" | "warn" | "error">;

/** The program's log: a line of JSON on standard output for each entry. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Nothing logs a request's headers or body; should something ever do, these still do not show (R58).
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
    // Each entry is written before the next statement. Pino's own default keeps entries back, and when the process ends while nobody
    // reads them any more, it tries to write them for ever (sonic-boom, flushSync on EPIPE).
    pino.destination({ dest: 1, sync: true }),
  );
}
