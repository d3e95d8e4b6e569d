/** How a whole test run ended, in numbers. A test that did not run is neither passed nor failed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Files that could not be loaded, failed hooks of files, and errors outside of any test: each one sentence. Counted in `failed`. */
  readonly broken: readonly string[];
}

/** What the tally needs to know of one test file; vitest's `TestModule` is reduced to it by the reporter. */
export interface TestFile {
  readonly name: string;
  readonly tests: readonly ("passed" | "failed" | "skipped" | "pending")[];
  /** Messages of errors that belong to the file and to no test in it. */
  readonly errors: readonly string[];
}

/** Counts every test once. A file whose tests never ran, and an error outside of all tests, is one failure each. */
export function tally(files: readonly TestFile[], strayErrors: readonly string[]): Tally {
  const states = files.flatMap((file) => file.tests);
  const count = (state: string) => states.filter((each) => each === state).length;
  const broken = [
    ...files.flatMap((file) => file.errors.map((message) => `${file.name}: ${message}`)),
    ...strayErrors.map((message) => `outside of any test: ${message}`),
  ];
  // A test still pending at the end was cut off by whatever ended the run; it did not pass.
  return {
    passed: count("passed"),
    failed: count("failed") + count("pending") + broken.length,
    skipped: count("skipped"),
    broken,
  };
}

/** Whether the run may be called good: something ran, and nothing failed or was left out. */
export function isGood(result: Tally): boolean {
  return result.passed > 0 && result.failed === 0 && result.skipped === 0;
}
