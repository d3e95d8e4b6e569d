import type { BuildProgress, LogLine } from "@nixfleet/protocol";
import { explainGitFailure, type GitFailure } from "@nixfleet/runtime";
import { type FoundError, firstError, NOTHING_FOUND, readErrorLine } from "../error-lines.ts";
import { stripEscapes } from "../escape-sequences.ts";
import { createActivities } from "./activities.ts";
import { isDownloadWarning, isNixError, isNixWarning, type NixError, readNixError } from "./nix-errors.ts";
import { parsePackageName } from "./store-names.ts";

/** What `--log-format internal-json` puts before each of its messages. */
const PREFIX = "@nix ";
const BUILD_LOG_LINE = 101;
const POST_BUILD_LOG_LINE = 107;
/** Levels of Nix's messages (src/libutil/logging.hh, `Verbosity`). */
const level = { warning: 1, info: 3 } as const;

export type NixLine = Pick<LogLine, "stream" | "text" | "level">;

export interface NixLogHandlers {
  onLine(line: NixLine): void;
  /** For what is told apart from the lines: there, it is cut before anybody can find a secret in it. */
  redact?: (text: string) => string;
  /** Something changed: `progress()` reports what. */
  onProgress(): void;
}

/** Turns the standard error of one Nix process into lines for people and a progress. Takes what it does not know for text. */
export interface NixLog {
  line(text: string): void;
  progress(): BuildProgress;
  /** Nix's own sentence about what failed first, without colours. */
  sentence(): string | undefined;
  /** The line that a reader would point at: what the failed builder or git itself said, else Nix's sentence. */
  firstError(): string | undefined;
  /** Why git failed, where that is what failed first. */
  gitFailure(): GitFailure | undefined;
  /** All of Nix's errors, without colours. */
  errors(): string;
}

const MAX_ERRORS = 64 * 1024;
/** Builds whose output is remembered: more do not run at a time, and the error of one comes right after its end. */
const MAX_BUILDERS = 1000;

export function createNixLog(now: () => number, { onLine, onProgress, redact = (text) => text }: NixLogHandlers): NixLog {
  const activities = createActivities();
  /** By derivation, oldest first. */
  const builders = new Map<string, FoundError>();
  let first: NixError | undefined;
  let failedDownload: string | undefined;
  let errors = "";
  /** What programs that Nix runs have printed themselves: git and ssh. */
  let others = "";

  const emit = (text: string, stream: NixLine["stream"], severity?: NixLine["level"]) => {
    onLine(severity === undefined ? { stream, text } : { stream, text, level: severity });
  };
  const emitLines = (
    text: string,
    stream: NixLine["stream"],
    severity: (index: number) => NixLine["level"] = () => undefined,
  ) => {
    for (const [index, line] of text.replace(/\n$/, "").split("\n").entries()) emit(line, stream, severity(index));
  };

  const error = (text: string, plain: string) => {
    const read = readNixError(redact(plain));
    if (first === undefined || (first.kind === "summary" && read.kind === "cause")) first = read;
    if (errors.length < MAX_ERRORS) errors += `${plain}\n`;
    emitLines(text, "nix", (index) => (index === read.line && read.kind === "cause" ? "error" : undefined));
  };

  const message = (text: string, severity: number) => {
    const plain = stripEscapes(text);
    if (isNixError(plain)) return error(text, plain);
    if (severity > level.info) return; // What each file and path goes through: thousands of lines that emit nothing.
    if (isDownloadWarning(plain)) failedDownload = plain.replace(/^warning: /, "");
    const isWarning = severity === level.warning || isNixWarning(plain);
    const isNoise = /^(these \d+ |this |copying |downloading | {2}\/)/.test(text);
    emitLines(text, "nix", () => (isWarning ? "warning" : isNoise ? "noise" : undefined));
  };

  const buildLine = (id: number, text: string) => {
    const derivation = activities.subjectOf(id);
    const name = activities.nameOf(id);
    emitLines(name === undefined ? text : `${parsePackageName(name).name}> ${text}`, "build");
    if (derivation === undefined) return;
    builders.set(derivation, readErrorLine(builders.get(derivation) ?? NOTHING_FOUND, redact(text)));
    if (builders.size > MAX_BUILDERS) for (const oldest of builders.keys()) return void builders.delete(oldest);
  };

  const handle = (entry: Record<string, unknown>) => {
    const id = typeof entry["id"] === "number" ? entry["id"] : -1;
    const type = typeof entry["type"] === "number" ? entry["type"] : -1;
    const fields = Array.isArray(entry["fields"]) ? entry["fields"] : [];
    switch (entry["action"]) {
      case "start":
        activities.start(id, type, fields, now());
        if (typeof entry["text"] === "string" && entry["text"] !== "") message(entry["text"], toLevel(entry["level"]));
        if (activities.nameOf(id) !== undefined) onProgress();
        break;
      case "stop":
        activities.stop(id);
        onProgress();
        break;
      case "result":
        if ((type === BUILD_LOG_LINE || type === POST_BUILD_LOG_LINE) && typeof fields[0] === "string") buildLine(id, fields[0]);
        else if (activities.result(id, type, fields)) onProgress();
        break;
      case "msg":
        if (typeof entry["msg"] === "string") message(entry["msg"], toLevel(entry["level"]));
        break;
      default: // An action of a later Nix.
    }
  };

  /** A summary speaks of something else: of a download that only gave a warning, if no error came before it. */
  const sentence = () => (first?.kind === "summary" ? (failedDownload ?? first.sentence) : first?.sentence);

  const gitFailure = () => (first?.isOfGit && others !== "" ? explainGitFailure(others) : undefined);

  return {
    line(text) {
      const entry = text.startsWith(PREFIX) ? parseObject(text.slice(PREFIX.length)) : undefined;
      if (entry !== undefined) return handle(entry);
      const plain = stripEscapes(text);
      if (isNixError(plain)) return error(text, plain);
      if (others.length < MAX_ERRORS) others += `${redact(plain)}\n`;
      emit(text, "nix");
    },
    progress: () => activities.progress(),
    sentence,
    firstError() {
      if (first?.builder !== undefined) return firstError(builders.get(first.builder) ?? NOTHING_FOUND) ?? first.sentence;
      return gitFailure()?.line ?? sentence();
    },
    gitFailure,
    errors: () => errors,
  };
}

function toLevel(value: unknown): number {
  return typeof value === "number" ? value : level.info;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // Not Nix's after all: shown as it is.
  }
}
