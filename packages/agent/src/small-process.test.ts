import { expect, test } from "vitest";
import { smallCommandLine } from "./small-process.ts";

const execPath = "/bin/node";
const program = ["/lib/nixfleet-agent.js", "run", "--runner=service"];

test("a daemon is started anew as a small process, once, with all that it was given", () => {
  const first = smallCommandLine({ execPath, execArgv: ["--trace-warnings"], argv: [execPath, ...program] }) ?? [];
  expect(first.slice(0, 3)).toEqual([execPath, "--trace-warnings", "--no-opt"]);
  expect(first.slice(-3)).toEqual(program);

  const execArgv = first.slice(1, -3);
  expect(smallCommandLine({ execPath, execArgv, argv: [execPath, ...program] })).toBeUndefined();
});
