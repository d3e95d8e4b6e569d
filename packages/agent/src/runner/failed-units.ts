/** Units that have failed now, had not failed before, and that the host's configuration does not let fail. */
export function newlyFailed(
  before: readonly string[] | null | undefined,
  now: readonly string[] | undefined,
  ignored: readonly string[],
): string[] {
  if (before === null || before === undefined || now === undefined) return []; // It is not known.
  const expected = new Set([...before, ...ignored, ...ignored.map((name) => `${name}.service`)]);
  return now.filter((unit) => !expected.has(unit));
}
