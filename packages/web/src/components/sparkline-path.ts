/** The values of a sparkline, oldest first; `undefined` where none was read. */
export type Samples = readonly (number | undefined)[];

/**
 * The outline of samples in a box, from left to right, the scale from `min` at the bottom to `max` at the top, 2 px kept free at
 * each edge. Where a sample is missing the line is broken: nothing is drawn that was not measured.
 */
export function sparklinePath(
  samples: Samples,
  box: { width: number; height: number; min: number; max: number },
): { line: string; area: string } {
  const step = samples.length > 1 ? box.width / (samples.length - 1) : 0;
  const span = box.max - box.min;
  const y = (value: number) => {
    const share = span > 0 ? Math.min(1, Math.max(0, (value - box.min) / span)) : 0;
    return box.height - 2 - share * (box.height - 4);
  };
  let line = "";
  let area = "";
  let start: number | undefined;
  samples.forEach((value, index) => {
    const x = round(index * step);
    if (value === undefined) {
      if (start !== undefined) area += `L${round((index - 1) * step)} ${box.height}L${start} ${box.height}Z`;
      start = undefined;
      return;
    }
    const point = `${start === undefined ? "M" : "L"}${x} ${round(y(value))}`;
    line += point;
    area += point;
    start ??= x;
  });
  if (start !== undefined) area += `L${round((samples.length - 1) * step)} ${box.height}L${start} ${box.height}Z`;
  return { line, area };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
