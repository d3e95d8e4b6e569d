import { createReadStream } from "node:fs";
import type { Outcome, RunEventOf } from "@nixfleet/protocol";
import { createLineSplitter } from "@nixfleet/runtime";
import { plainLine, saysDiskFull, withoutLabel } from "../error-lines.ts";

/** Longest event that is read, in bytes. */
const LONGEST_EVENT = 2 * 1024 * 1024;

/** Events that are lines of the log, or that begin or end what a program prints. */
type ShownEvent = RunEventOf<"log" | "phase" | "command" | "testResult">;
const SHOWN = /^\{"seq":\d+,"at":\d+,"kind":"(?:log|phase|command|testResult)"/;

/** Looks for a run's first error in its events, as they come. */
export interface ErrorLineSearch {
  read(event: ShownEvent): void;
  /** Its line in the log, from 1. Undefined: no line says it. */
  line(): number | undefined;
}

/**
 * Finds the line of the log that says a run's first error: the first one of the last program that printed it, before an undo begins.
 * Of tests, the first one that did not pass.
 */
export function createErrorLineSearch(firstError: string): ErrorLineSearch {
  const wanted = firstError.replace(/…$/, "");
  let lines = 0;
  let section = 0;
  let found: { line: number; section: number } | undefined;
  let over = false;
  const look = (event: ShownEvent) => {
    if (event.kind !== "log") {
      if (event.kind === "testResult" && found?.section === section) {
        if (event.result.outcome === "passed") found = undefined;
        else over = true;
      }
      if (event.kind === "phase" && event.phase === "undo") over = true;
      section++;
      return;
    }
    for (const { text } of event.lines) {
      lines++;
      if (found?.section !== section && says(text, wanted)) found = { line: lines, section };
    }
  };
  return {
    read(event) {
      if (!over) look(event);
    },
    line: () => found?.line,
  };
}

/** A line holds the whole error, or is its beginning: Nix's sentence about a failed build is made of two lines. */
function says(text: string, wanted: string): boolean {
  const plain = plainLine(text);
  if (plain.includes(wanted)) return true;
  const bare = withoutLabel(plain);
  return bare.length >= 8 && wanted.startsWith(bare);
}

/**
 * Adds what the log of a run says of its failure: the line of its first error, and that a full disk was the cause, wherever that disk
 * is: a boot partition is met by an installer that says no more than `[Errno 28]`.
 */
export async function describeFailure(outcome: Outcome, eventsPath: string): Promise<Outcome> {
  if (outcome.state !== "failed" && outcome.state !== "rolled-back" && outcome.state !== "timed-out") return outcome;
  const { firstError } = outcome;
  if (firstError === undefined) return outcome;
  const isFull = (outcome.code === "activation-failed" || outcome.code === "build-failed") && saysDiskFull(firstError);
  const line = await findErrorLine(eventsPath, firstError);
  return {
    ...outcome,
    ...(isFull ? { code: "disk-full" as const } : {}),
    ...(line === undefined ? {} : { firstErrorLine: line }),
  };
}

async function findErrorLine(path: string, firstError: string): Promise<number | undefined> {
  const search = createErrorLineSearch(firstError);
  const splitter = createLineSplitter(({ text }) => {
    if (SHOWN.test(text)) search.read(JSON.parse(text) as ShownEvent);
  }, LONGEST_EVENT);
  for await (const chunk of createReadStream(path)) splitter.push(chunk as Buffer);
  return search.line();
}
