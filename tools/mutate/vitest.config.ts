import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import config from "../../vitest.config.ts";

/** As `make test` runs them, but each file says first that it begins, and a test that waits for what does not come ends earlier. */
const setupFiles = [resolve(import.meta.dirname, "reach-setup.ts")];
const limit = process.env["NIXFLEET_TEST_LIMIT"];
const bounds = limit === undefined ? {} : { testTimeout: Number(limit), hookTimeout: Number(limit) };

export default defineConfig({
  ...config,
  root: resolve(import.meta.dirname, "../.."),
  test: {
    ...config.test,
    projects: (config.test?.projects ?? []).map((project) =>
      typeof project === "object" && "test" in project
        ? { ...project, test: { ...project.test, setupFiles, ...bounds } }
        : project,
    ),
  },
});
