import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import config from "../../vitest.config.ts";

/** As `make test` runs them, but each file says first that it begins, and a test that waits for what does not come ends earlier. */
const setupFiles = [resolve(import.meta.dirname, "reach-setup.ts")];

/** Files run in the order in which they are named. */
class GivenOrder extends BaseSequencer {
  override sort = async (files: TestSpecification[]) => files;
}

export default defineConfig({
  ...config,
  root: resolve(import.meta.dirname, "../.."),
  test: {
    ...config.test,
    sequence: { sequencer: GivenOrder },
    projects: (config.test?.projects ?? []).map((project) =>
      typeof project === "object" && "test" in project ? { ...project, test: { ...project.test, setupFiles } } : project,
    ),
  },
});
