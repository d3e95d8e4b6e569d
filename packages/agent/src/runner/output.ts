import { type BuildProgress, type LogLine, MAX_LINE_PIECE } from "@nixfleet/protocol";
import { createLineSplitter } from "@nixfleet/runtime";
import { plainLine, saysError } from "../error-lines.ts";
import { createNixLog, type NixLog } from "../nix/log-stream.ts";
import type { Redactor } from "./redactor.ts";

export interface OutputDeps {
  log(line: LogLine): void;
  progress(read: () => BuildProgress): void;
  now(): number;
  redact: Redactor;
}

/** Takes the bytes of a stream and turns them into lines of the run's log. */
export interface Output {
  write(chunk: Uint8Array): void;
  /** The stream has ended: a last line without an end is a line. */
  end(): void;
}

/** The output of a program that writes plain lines. */
export function createPlainOutput(deps: OutputDeps, stream: LogLine["stream"], onLine?: (text: string) => void): Output {
  const take = createRedactedPieces(deps.redact, (text, continues) => {
    onLine?.(text);
    const level = levelOf(text);
    const line: LogLine = { at: deps.now(), stream, text };
    if (level !== undefined) line.level = level;
    if (continues) line.continues = true;
    deps.log(line);
  });
  const splitter = createLineSplitter(({ text, continues }) => take(text, continues));
  return { write: (chunk) => splitter.push(chunk), end: () => splitter.end() };
}

/** No secret is longer, in characters: of a line that comes in pieces, so much waits for the next one. */
const LONGEST_SECRET = 8 * 1024;

/** Redacts a line that comes in pieces, all but the last of which continue: also what begins in one piece and ends in the next. */
function createRedactedPieces(redact: Redactor, deliver: (text: string, continues: boolean) => void) {
  let held = "";
  return (text: string, continues: boolean): void => {
    const whole = redact(held + text);
    const end = continues ? characterStart(whole, whole.length - LONGEST_SECRET) : whole.length;
    held = whole.slice(end);
    if (continues && end === 0) return;
    const pieces = splitText(whole.slice(0, end));
    for (const [index, piece] of pieces.entries()) deliver(piece, continues || index < pieces.length - 1);
  };
}

function levelOf(text: string): LogLine["level"] {
  if (saysError(text)) return "error";
  return /^warning\b/i.test(plainLine(text.slice(0, 100))) ? "warning" : undefined;
}

/** A message of Nix holds a whole line of a build, so it can be longer than a line of the log. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** The standard error of a Nix command with `--log-format internal-json`. */
export function createNixOutput(deps: OutputDeps): Output & { readonly nix: NixLog } {
  const nix = createNixLog(deps.now, {
    onLine: ({ text, ...line }) => {
      const pieces = splitText(deps.redact(text));
      pieces.forEach((piece, index) => {
        deps.log({ at: deps.now(), ...line, text: piece, ...(index < pieces.length - 1 ? { continues: true as const } : {}) });
      });
    },
    onProgress: () => deps.progress(() => nix.progress()),
    redact: deps.redact,
  });
  const takePiece = createRedactedPieces(deps.redact, (text, continues) => {
    deps.log({ at: deps.now(), stream: "nix", text, ...(continues ? { continues: true as const } : {}) });
  });
  let isInPieces = false;
  const splitter = createLineSplitter(({ text, continues }) => {
    if (continues || isInPieces) takePiece(text, continues);
    else nix.line(text);
    isInPieces = continues;
  }, MAX_MESSAGE_BYTES);
  return { write: (chunk) => splitter.push(chunk), end: () => splitter.end(), nix };
}

/** Cuts a text into pieces that fit a line of the log, never between the halves of a surrogate pair. */
export function splitText(text: string): string[] {
  if (text.length <= MAX_LINE_PIECE) return [text];
  const pieces: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = characterStart(text, start + MAX_LINE_PIECE);
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

/** The index nearest before `index` where cutting does not split a surrogate pair; within the text. */
function characterStart(text: string, index: number): number {
  if (index <= 0) return 0;
  if (index >= text.length) return text.length;
  const last = text.charCodeAt(index - 1);
  return last >= 0xd800 && last <= 0xdbff ? index - 1 : index;
}
