const NBSP = "\u00a0";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units with at most three digits: `412 MiB`, `7.8 GiB`. */
export function formatBytes(bytes: number): string {
  const [value, unit] = scaled(bytes, bytes);
  return `${value}${NBSP}${unit}`;
}

/** By how much bytes differ, with a true minus: `+412 MiB`, `−18 MiB`, `0 B`. */
export function formatBytesChange(bytes: number): string {
  return `${bytes === 0 ? "" : bytes > 0 ? "+" : "−"}${formatBytes(Math.abs(bytes))}`;
}

/** A part and its whole in the unit of the whole: `31 of 80 GiB`. */
export function formatBytesOf(part: number, whole: number): string {
  const [of, unit] = scaled(whole, whole);
  return `${scaled(part, whole)[0]} of ${of}${NBSP}${unit}`;
}

function scaled(bytes: number, unitOf: number): [string, string] {
  const power = unitOf < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(unitOf) / 10));
  const value = bytes / 1024 ** power;
  const text = value >= 10 || power === 0 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
  return [text, UNITS[power] as string];
}

/** A share of one, as a whole percentage that is 0 or 100 only when it is so: `61 %`. */
export function formatPercent(share: number): string {
  return `${wholePercent(share)}${NBSP}%`;
}

/** The number of `formatPercent`. */
export function wholePercent(share: number): number {
  if (share <= 0) return 0;
  if (share >= 1) return 100;
  return Math.min(99, Math.max(1, Math.round(share * 100)));
}

/** A load average or the like: one decimal. */
export function formatLoad(load: number): string {
  return load.toFixed(1);
}

/** A number with thousands parted, as in `4,182 lines`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** `1 host`, `3 hosts`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
