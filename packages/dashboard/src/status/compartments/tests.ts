import { deployedClosure, sentence } from "@nixfleet/protocol";
import type { Finding, HostInput, RunFacts, RunsInput, SuggestedAction } from "./input.ts";
import { count, finding, joinNames, NOT_COMPARED, NOT_PROVEN } from "./wording.ts";

const runTests: SuggestedAction = { label: "Run tests", op: "test", args: {} };

/** Do the host's own tests pass on what runs now? Green only if System is. */
export function testsFinding(host: HostInput, { lastTest }: RunsInput, system: Finding): Finding {
  const last = lastTest !== null && coversRunningSystem(host, lastTest) ? lastTest : null;
  // A failure on the running closure is true whatever the target is.
  if (last !== null) {
    const failure = failureFinding(last);
    if (failure !== null) return failure;
  }
  const { word: systemWord } = system.answer;
  if (systemWord === NOT_PROVEN || systemWord === NOT_COMPARED) {
    return finding("unknown", systemWord, `Proven together with System.${lastTest === null ? "" : ` Last: ${tally(lastTest)}.`}`);
  }
  if (system.answer.status !== "ok") {
    const word = system.answer.status === "broken" ? "not run" : "not yet";
    return finding(
      "unknown",
      word,
      `Tests run once the target is active.${lastTest === null ? "" : ` Last: ${tally(lastTest)}.`}`,
    );
  }
  const { tests } = host.facts;
  if (last?.state === "succeeded" && last.tests.length > 0) {
    const passed = last.tests.filter(({ outcome }) => outcome === "passed").length;
    return finding("ok", `${passed} passed`, `${count(passed, "test")} passed on what runs now.`);
  }
  if (tests === undefined) return finding("unknown", "not yet", "The host has not reported its tests yet.");
  if (tests.defined === 0 || last?.state === "succeeded") {
    // Yellow because nothing proves that the host works; but nothing is broken, so the host needs no attention.
    return finding("attention", "no tests", `No tests are defined. Add hosts/${host.name}/tests/T*.sh to the config repository.`);
  }
  const why =
    last?.state === "cancelled"
      ? "The last tests were cancelled."
      : last?.state === "lost"
        ? "The last tests ended without a report."
        : null;
  return finding(
    "attention",
    "not run",
    why ?? `${tests.defined === 1 ? "The one test has" : `The ${tests.defined} tests have`} not run since the last switch.`,
    {
      cause: {
        lead: "Switched, not tested",
        detail: `${count(tests.defined, "test")} to run`,
        since: host.facts.running?.since ?? null,
      },
      note: "tests have not run",
      action: runTests,
    },
  );
}

/** A test result holds for the closure that ran when the tests ended, until that closure is deployed again. */
function coversRunningSystem({ facts, deployments }: HostInput, run: RunFacts): boolean {
  const { running } = facts;
  if (running === undefined || run.closureAtEnd !== running.closure) return false;
  const deployed = deployments.find((deployment) => deployment.closure === deployedClosure(running));
  // Run ids sort by time, by one clock.
  return deployed === undefined || run.id > deployed.runId;
}

function failureFinding(run: RunFacts): Finding | null {
  if (run.state !== "failed" && run.state !== "timed-out") return null;
  const failed = run.tests.filter(({ outcome }) => outcome === "failed" || outcome === "timed-out").map(({ script }) => script);
  const action: SuggestedAction = { ...runTests, label: "Retry" };
  if (failed.length === 0) {
    const word = run.state === "timed-out" ? "timed out" : "failed";
    const text =
      run.state === "timed-out"
        ? "The tests took longer than their deadline."
        : `The tests failed. ${sentence(run.firstError ?? "See their log")}`;
    return finding("broken", word, text, {
      cause: { lead: text.split(".")[0] ?? text, detail: run.firstError, since: run.endedAt },
      note: "tests failed",
      action,
    });
  }
  const names = joinNames(failed);
  const lead = `${count(failed.length, "test")} failed`;
  const error = run.firstError === null ? "" : ` ${sentence(run.firstError)}`;
  return finding("broken", `${failed.length} failed`, `${names} failed, ${run.tests.length - failed.length} passed.${error}`, {
    cause: { lead, detail: names, since: run.endedAt },
    note: lead,
    action,
  });
}

function tally(run: RunFacts): string {
  const passed = run.tests.filter(({ outcome }) => outcome === "passed").length;
  const failed = run.tests.length - passed;
  if (run.tests.length === 0) return run.state;
  return failed === 0 ? `${passed} passed` : `${failed} failed, ${passed} passed`;
}
