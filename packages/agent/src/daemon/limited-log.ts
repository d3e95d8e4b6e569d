import type { Clock } from "@nixfleet/runtime";
import type { Log, LogFields, LogLevel } from "../log.ts";

/** Lines of one event that are written in each minute. */
const MOST_LINES = 60;
const MINUTE = 60_000;

/**
 * A log for what another party can make happen as often as it likes: it writes 60 lines of each event in a minute, and tells of
 * the others, when the next line of the event is written, how many there were.
 */
export function limitLog(log: Log, clock: Pick<Clock, "now">, most = MOST_LINES): Log {
  const windows = new Map<string, { since: number; lines: number }>();
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    const now = clock.now();
    const window = windows.get(event);
    if (window !== undefined && Math.abs(now - window.since) < MINUTE && ++window.lines > most) return;
    const left = window === undefined ? 0 : window.lines - most;
    if (window === undefined || Math.abs(now - window.since) >= MINUTE) windows.set(event, { since: now, lines: 1 });
    log[level](event, left > 0 ? { ...fields, notLogged: left } : fields);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
