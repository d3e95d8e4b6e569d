/** Five minutes: the distance of the server's measurements. */
const SLOT = 5 * 60_000;
const SLOTS = 288;

/**
 * A day of one number, oldest first, one sample for each five minutes up to now. Where nothing was measured the sample is undefined, so that
 * a host that was off draws a gap and not a zero (R24).
 */
export function daySamples<T extends { at: number }>(
  items: readonly T[],
  read: (item: T) => number | null,
  now: number,
): readonly (number | undefined)[] {
  const samples: (number | undefined)[] = Array.from({ length: SLOTS });
  const end = Math.floor(now / SLOT);
  for (const item of items) {
    const slot = SLOTS - 1 - (end - Math.floor(item.at / SLOT));
    if (slot >= 0 && slot < SLOTS) samples[slot] = read(item) ?? undefined;
  }
  return samples;
}

/** The peak of a day and its time; undefined if nothing was measured. */
export function peakOf<T extends { at: number }>(
  items: readonly T[],
  read: (item: T) => number | null,
): { value: number; at: number } | undefined {
  let peak: { value: number; at: number } | undefined;
  for (const item of items) {
    const value = read(item);
    if (value !== null && (peak === undefined || value > peak.value)) peak = { value, at: item.at };
  }
  return peak;
}
