import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** What needs a machine of its own: hosts with a systemd, and Nix building whole packages and systems. */
export const LAB_TESTS = ["lab/**/*.test.ts", "modules/package-build.test.ts", "demo/fleet/hosts.test.ts"];

/** `make lab-test`. A project of its own, since it needs root and Debian: `make test` knows nothing of it. */
export default defineConfig({
  test: {
    name: "lab",
    globalSetup: [resolve(import.meta.dirname, "../tools/test/build.ts"), resolve(import.meta.dirname, "prepare.ts")],
    include: LAB_TESTS,
    pool: "forks",
    allowOnly: false,
    // The fault matrix, and all else beside it.
    maxWorkers: 2,
    // Lanes of the fault matrix, each with a lab of its own.
    maxConcurrency: 3,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 100_000 } },
  },
});
