import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** `make lab-test`. A project of its own, since it needs root and Debian: `make test` knows nothing of it. */
export default defineConfig({
  test: {
    name: "lab",
    globalSetup: resolve(import.meta.dirname, "../tools/test/build-programs.ts"),
    include: ["lab/**/*.test.ts"],
    pool: "forks",
    allowOnly: false,
    // Hosts of one lab need the machine.
    maxWorkers: 1,
    // Lanes of the fault matrix, each with a lab of its own.
    maxConcurrency: 3,
    // The first lab on a machine makes the root file system of its hosts.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
  },
});
