import { type Outcome, shorten } from "@nixfleet/protocol";
import { describeEnd, succeeded } from "@nixfleet/runtime";
import { type RunContext, STOPPED } from "./context.ts";
import { createErrorFinder } from "./first-error.ts";
import { createPlainOutput } from "./output.ts";

/** Lets the closure say whether it can be activated here. Returns how the run ends where it cannot; nothing was changed then. */
export async function checkActivation(context: RunContext, closure: string): Promise<Outcome | undefined> {
  const check = context.deps.platform.activationCheck(closure);
  if (check === undefined) return undefined;
  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "activation", errors.read);
  const result = await context.command({
    argv: [...check.launcher, ...check.argv] as [string, ...string[]],
    env: check.env,
    cwd: "/",
    signal: context.signal,
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => output.write(chunk),
  });
  output.end();
  if (result.aborted) return STOPPED;
  if (succeeded(result)) return undefined;
  const reason = `The checks of what is to be activated ended with ${describeEnd(result.end)}: ${errors.first() ?? "they say nothing"}`;
  return { state: "refused", code: "checks-failed", reason: shorten(reason, 2000) };
}
