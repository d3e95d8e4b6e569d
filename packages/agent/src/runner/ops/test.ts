import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Outcome, shorten, type TestResult } from "@nixfleet/protocol";
import { succeeded } from "@nixfleet/runtime";
import { NETWORK_VARIABLES, pickVariables } from "../../environment.ts";
import { listTestScripts, type TestScript } from "../../git/test-scripts.ts";
import { failure, type RunContext, STOPPED } from "../context.ts";
import { createErrorFinder } from "../first-error.ts";
import { createPlainOutput } from "../output.ts";
import { recheckClone } from "../sync.ts";
import type { OpImplementation } from "./implementation.ts";

/** Runs the host's own tests at the commit that the clone is at. All of them, also after one that failed. */
export const test: OpImplementation<"test"> = async (context) => {
  const { clone, layout, deps, signal } = context;
  const head = await clone.head();
  if (head === null) {
    return { state: "refused", code: "no-clone", reason: "The host has no clone of the config repository yet." };
  }
  const refused = await recheckClone(context, head);
  if (refused !== undefined) return refused;
  context.phase("test");
  const scripts = await listTestScripts({ clone: layout.clone, flakeDir: deps.config.flakeDir }, deps.config.hostname);
  if (scripts.length === 0) return { state: "succeeded", reason: "no tests" };
  const failed: { name: string; firstError: string | undefined }[] = [];
  for (const [index, script] of scripts.entries()) {
    const { outcome, milliseconds, firstError } = await runScript(context, script);
    const result: TestResult = {
      script: shorten(script.name, 200),
      outcome,
      milliseconds,
      number: index + 1,
      total: scripts.length,
    };
    context.events.append({ kind: "testResult", result });
    if (signal.aborted) return { ...STOPPED, reason: `Stopped after ${index} of ${scripts.length} tests.` };
    if (outcome !== "passed") failed.push({ name: script.name, firstError });
  }
  return testsOutcome(failed, scripts.length);
};

function testsOutcome(failed: readonly { name: string; firstError: string | undefined }[], total: number): Outcome {
  const first = failed[0];
  if (first === undefined) return { state: "succeeded", reason: total === 1 ? "1 test passed" : `${total} tests passed` };
  const names = failed.map(({ name }) => name).join(", ");
  return failure("tests-failed", `${failed.length} of ${total} tests failed: ${names}`, { firstError: first.firstError });
}

interface ScriptResult {
  outcome: TestResult["outcome"];
  milliseconds: number;
  firstError: string | undefined;
}

async function runScript(context: RunContext, script: TestScript): Promise<ScriptResult> {
  switch (script.kind) {
    case "script":
      return runUsable(context, script);
    case "unusable":
      context.output.log({
        at: context.deps.clock.now(),
        stream: "test",
        text: context.redact(`${script.reason}.`),
        level: "error",
      });
      return { outcome: "failed", milliseconds: 0, firstError: script.reason };
  }
}

async function runUsable(context: RunContext, script: Extract<TestScript, { kind: "script" }>): Promise<ScriptResult> {
  const { deps, layout, clock } = { ...context, clock: context.deps.clock };
  const began = clock.now();
  const timeout = new AbortController();
  const timer = clock.setTimeout(() => timeout.abort(), script.timeout);
  const found = createErrorFinder();
  const output = createPlainOutput(context.output, "test", found.read);
  const errors = createPlainOutput(context.output, "test", found.read);
  context.log(`${script.name} begins.`);
  const result = await context.command({
    argv: (await canRun(script.path)) ? [script.path] : ["/bin/sh", script.path],
    env: testEnvironment(context),
    cwd: join(layout.clone, deps.config.flakeDir),
    signal: AbortSignal.any([context.signal, timeout.signal]),
    endLeftovers: true,
    captureBytes: 0,
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => errors.write(chunk),
  });
  timer.cancel();
  output.end();
  errors.end();
  const milliseconds = Math.max(0, clock.now() - began);
  const said = found.first();
  const firstError = said === undefined ? undefined : context.redact(said);
  if (succeeded(result)) return { outcome: "passed", milliseconds, firstError };
  if (!result.aborted) {
    const why = result.end.kind === "spawn-failed" ? result.end.message : firstError;
    return { outcome: "failed", milliseconds, firstError: why };
  }
  if (context.signal.aborted) return { outcome: "cancelled", milliseconds, firstError };
  const limit = `${script.name} took longer than ${script.timeout / 1000} s`;
  deps.log(limit);
  return { outcome: "timed-out", milliseconds, firstError: limit };
}

/** What a script finds: enough to call programs of the host and to know which host it tests. */
function testEnvironment({ deps: { env, config } }: RunContext): Record<string, string> {
  return {
    ...pickVariables(env, ["PATH", "HOME", "USER", "LANG", "TMPDIR", ...NETWORK_VARIABLES]),
    NIXFLEET_HOSTNAME: config.hostname,
    ...(config.systemRoot === "" ? {} : { NIXFLEET_SYSTEM_ROOT: config.systemRoot }),
  };
}

/** Whether the system can start it by itself: it may be run and names its interpreter. */
async function canRun(path: string): Promise<boolean> {
  if (((await stat(path)).mode & 0o111) === 0) return false;
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(2);
    await file.read(buffer, 0, 2, 0);
    return buffer.toString("latin1") === "#!";
  } finally {
    await file.close();
  }
}
