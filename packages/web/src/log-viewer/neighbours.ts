/**
 * The neighbour of a line in a sorted list of lines, going round at the ends: for jumping to the next error or search hit.
 * @returns its index in the list; -1 if the list is empty
 */
export function neighbourOf(lines: readonly number[], from: number, step: 1 | -1): number {
  if (lines.length === 0) return -1;
  const firstAfter = lowerBound(lines, step === 1 ? from + 1 : from);
  const index = step === 1 ? firstAfter : firstAfter - 1;
  return (index + lines.length) % lines.length;
}

/** Index of the first line of a sorted list that is `least` or more; the list's length if there is none. */
export function lowerBound(lines: readonly number[], least: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
