import { type Clock, redact } from "@nixfleet/runtime";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Plain data of one event. What is undefined is left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface LogDeps {
  level: LogLevel;
  clock: Clock;
  /** Takes one whole line with its line end. */
  write: (line: string) => void;
  /** Never appear in a line, in whatever text they come (R58). */
  secrets: readonly string[];
}

/** Writes one line of JSON for each event: `time`, `level`, `event`, and the event's own fields. */
export function createLog({ level, clock, write, secrets }: LogDeps): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at = (own: LogLevel) => {
    if (LOG_LEVELS.indexOf(own) < least) return () => {};
    return (event: string, fields: LogFields = {}) => {
      const clean = Object.entries(fields).map(([name, value]) => [
        name,
        typeof value === "string" ? redact(value, secrets) : value,
      ]);
      const time = new Date(clock.now()).toISOString();
      write(`${JSON.stringify({ time, level: own, event, ...Object.fromEntries(clean) })}\n`);
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
