import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { type TestFile, tally } from "./tally.ts";

function reduced(module: TestModule): TestFile {
  const suites = [...module.children.allSuites()];
  return {
    name: module.relativeModuleId,
    tests: [...module.children.allTests()].map((test) => test.result().state),
    errors: [module, ...suites].flatMap((part) => part.errors().map((error) => error.message)),
  };
}

/** Writes the tally of the run as JSON to the file that `NIXFLEET_TALLY` names, for `run.ts` to read once vitest has ended. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(...[modules, strayErrors]: Parameters<NonNullable<Reporter["onTestRunEnd"]>>): void {
    const file = process.env["NIXFLEET_TALLY"];
    if (file === undefined) throw new Error("NIXFLEET_TALLY must name the file for the tally");
    const result = tally(
      modules.map(reduced),
      strayErrors.map((error) => error.message),
    );
    writeFileSync(file, JSON.stringify(result));
  }
}
