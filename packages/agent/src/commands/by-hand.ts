import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import type { OpRequest, Outcome, RunId } from "@nixfleet/protocol";
import { systemClock } from "@nixfleet/runtime";
import type { Platform } from "../platforms/platform.ts";
import { type ByHandEnd, type ByHandRun, runByHand } from "../runner/by-hand.ts";
import type { RunnerDeps } from "../runner/deps.ts";
import type { RunnerSettings } from "../settings.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { wait } from "../spool/run-record.ts";
import { createRunPrinter, printable } from "./run-printer.ts";

const POLL_MS = 100;
const BATCH_BYTES = 256 * 1024;

/** Exit codes of what a person does by hand. 2 is for wrong usage and wrong settings. */
export const EXIT = { done: 0, failed: 1, refused: 3 } as const;

export type Write = (text: string) => void;

/**
 * Writes to the terminal. One that goes away (a network that the switch has cut) does not end the run: the dead-man switch is
 * there for that.
 */
export function createTerminal(): Write {
  process.stdout.on("error", () => {});
  process.on("SIGHUP", () => {});
  return (text) => void process.stdout.write(text);
}

/** Why this user cannot do it; undefined: they can. */
export async function wrongUserReason(
  { scope, systemRoot }: Pick<Platform, "scope"> & Pick<RunnerSettings, "systemRoot">,
  runnerDir: string,
  uid = process.getuid?.(),
): Promise<string | undefined> {
  if (scope === "system" && systemRoot === "" && uid !== 0)
    return "This changes the whole system: run it as root, for example with sudo.";
  const owner = await stat(runnerDir).then(
    (stats) => stats.uid,
    () => uid, // Not there yet: it will be this user's.
  );
  return owner === uid ? undefined : `${runnerDir} belongs to user ${owner}: run this as that user.`;
}

/** Does a run for the person at the terminal, prints it live, and returns the exit code. */
export async function runAtTerminal(
  deps: RunnerDeps,
  { ask, force, write }: { ask: () => Promise<OpRequest | string>; force: boolean; write: Write },
): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => {
    write(stop.signal.aborted ? "Already stopping.\n" : "Stopping …\n");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  try {
    let told: Promise<void> | undefined;
    const ended = Promise.withResolvers<void>();
    const run: ByHandRun = {
      ask,
      force,
      askedBy: `${userInfo().username} on the host`.slice(0, 100),
      cancelled: stop.signal,
      onWait: ({ pid }) => write(`Process ${pid} is working on this host; waiting for it. Ctrl-C gives up.\n`),
      onBegin(runId) {
        write(`Run ${runId}\n`);
        told = followRun(deps.config.runnerDir, runId, write, ended.promise);
      },
    };
    const end = await runByHand(deps, run).finally(() => ended.resolve());
    await told;
    if (end.kind === "ended") {
      write(`The host runs ${(await deps.platform.runningClosure()) ?? "no closure that can be read"}.\n`);
    }
    return exitCode(end, write);
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

function exitCode(end: ByHandEnd, write: Write): number {
  switch (end.kind) {
    case "ended":
      return exitCodeOf(end.outcome);
    case "refused":
      write(`refused: ${printable(end.reason)}\n`);
      return EXIT.refused;
    case "cancelled":
      write("cancelled: nothing was started.\n");
      return EXIT.failed;
  }
}

function exitCodeOf({ state }: Outcome): number {
  if (state === "succeeded") return EXIT.done;
  return state === "refused" ? EXIT.refused : EXIT.failed;
}

/** Reports what the run's spool says, while it grows. */
async function followRun(runnerDir: string, runId: RunId, write: Write, ended: Promise<void>): Promise<void> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const print = createRunPrinter(write);
  await using cursor = createSpoolReader(runnerDir).openEvents(runId, 0);
  for (;;) {
    const wasOver = isOver;
    const read = await cursor.read(BATCH_BYTES);
    if (read.kind === "fault") return write(`${printable(read.reason)}\n`);
    for (const event of read.events) print(event);
    if (read.events.at(-1)?.kind === "finished" || (wasOver && read.events.length === 0)) return;
    if (read.events.length === 0) await Promise.race([ended, wait(systemClock, POLL_MS)]);
  }
}
