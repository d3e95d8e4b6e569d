import { configDefaults, defineConfig } from "vitest/config";
import { LAB_TESTS } from "./lab/vitest.config.ts";

/** Bounds that only a test that hangs reaches; no promise is measured by them. */
const bounds = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 10_000,
  // A second by default, which a busy machine passes.
  expect: { poll: { timeout: 100_000 } },
};

export default defineConfig({
  test: {
    // Real processes and signals: no thread could take them. Files share a process, and what they import is read once for all of
    // them: so no test may count on being the first, nor leave anything behind.
    pool: "forks",
    isolate: false,
    allowOnly: false,
    // More than there are cores: many tests wait for programs that they have started. Load on the machine is no reason to fail.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "parts",
          globalSetup: "tools/test/build.ts",
          include: [
            "packages/*/src/**/*.test.{ts,tsx}",
            "demo/**/*.test.ts",
            "bench/**/*.test.ts",
            "modules/**/*.test.ts",
            "tools/**/*.test.ts",
          ],
          exclude: [...configDefaults.exclude, ...LAB_TESTS],
          pool: "forks",
          isolate: false,
          ...bounds,
        },
      },
      {
        test: {
          name: "e2e",
          globalSetup: "tools/test/build.ts",
          include: ["e2e/**/*.test.ts"],
          pool: "forks",
          isolate: false,
          ...bounds,
          // A walk through many pages, each with the waits of a browser.
          testTimeout: 400_000,
        },
      },
    ],
  },
});
