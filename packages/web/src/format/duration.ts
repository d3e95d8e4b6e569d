/** Separates a number from its unit, so that a line never breaks between them. */
const NBSP = "\u00a0";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long something took or has been going on, exact to the second below an hour: `2 s`, `4 min 02 s`, `1 h 05 min`, `41 d 6 h`.
 * Milliseconds in; less than nothing counts as nothing.
 */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}${NBSP}s`;
  if (ms < HOUR) return pair(ms, MINUTE, "min", SECOND, "s");
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "min");
  const days = Math.floor(ms / DAY);
  const hours = Math.floor((ms % DAY) / HOUR);
  return hours === 0 ? `${days}${NBSP}d` : `${days}${NBSP}d ${hours}${NBSP}h`;
}

function pair(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = String(Math.floor((ms % big) / small)).padStart(2, "0");
  return `${Math.floor(ms / big)}${NBSP}${bigUnit} ${rest}${NBSP}${smallUnit}`;
}

/** A duration in one unit, for an age or an estimate: `3 s`, `12 min`, `3 h`, `6 d`. */
export function formatAge(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}${NBSP}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}${NBSP}min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}${NBSP}h`;
  return `${Math.floor(ms / DAY)}${NBSP}d`;
}

/** An estimate, rounded up to one unit: `~9 s`, `~2 min`. */
export function formatEstimate(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < MINUTE) return `~${Math.max(1, Math.ceil(ms / SECOND))}${NBSP}s`;
  if (ms < HOUR) return `~${Math.ceil(ms / MINUTE)}${NBSP}min`;
  return `~${Math.ceil(ms / HOUR)}${NBSP}h`;
}

/** A moment with its age: `3 s ago`, `24 min ago`. A moment to come, which a skewed clock can give, is `just now`. */
export function formatAgo(at: number, now: number): string {
  const ms = now - at;
  return ms < SECOND ? "just now" : `${formatAge(ms)} ago`;
}

// Made once: making a format is what takes the time.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** A moment in the browser's locale, with seconds and zone: the tooltip of a relative time. */
export function formatExact(at: number): string {
  return EXACT.format(at);
}

/** The time of day of a moment, `12:04`, with the date before it if it was not today. */
export function formatClock(at: number, now: number): string {
  const then = new Date(at);
  const time = then.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (then.toDateString() === new Date(now).toDateString()) return time;
  return `${then.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${time}`;
}

/** The time of day to the second, as a log has it: `12:04:09`. */
export function formatTimeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
