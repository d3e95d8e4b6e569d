import { defineConfig } from "vitest/config";

/** Bounds that only a test that hangs reaches; no promise is measured by them. */
const bounds = { testTimeout: 60_000, hookTimeout: 60_000, teardownTimeout: 10_000 };

export default defineConfig({
  test: {
    // Real processes, signals and SQLite: each test file has a process of its own.
    pool: "forks",
    allowOnly: false,
    // More than there are cores: many tests wait for programs that they have started. Load on the machine is no reason to fail.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "parts",
          globalSetup: "tools/test/build-programs.ts",
          include: [
            "packages/*/src/**/*.test.{ts,tsx}",
            "demo/**/*.test.ts",
            "bench/**/*.test.ts",
            "modules/**/*.test.ts",
            "tools/**/*.test.ts",
          ],
          pool: "forks",
          ...bounds,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          pool: "forks",
          ...bounds,
          testTimeout: 120_000,
        },
      },
    ],
  },
});
