import type { BuildProgress, LogLine } from "@nixfleet/protocol";
import { createActivities } from "./activities.ts";
import { parsePackageName } from "./store-names.ts";

/** What `--log-format internal-json` puts before each of its messages. */
const PREFIX = "@nix ";
const BUILD_LOG_LINE = 101;
const POST_BUILD_LOG_LINE = 107;
/** Levels of Nix's messages (src/libutil/logging.hh, `Verbosity`). */
const level = { error: 0, warning: 1, info: 3 } as const;

export type NixLine = Pick<LogLine, "stream" | "text" | "level">;

export interface NixLogHandlers {
  onLine(line: NixLine): void;
  /** Something changed: `progress()` reports what. */
  onProgress(): void;
}

/** Turns the standard error of one Nix process into lines for people and a progress. Takes what it does not know for text. */
export interface NixLog {
  line(text: string): void;
  progress(): BuildProgress;
  /** Nix's own first error: its sentence, without colours. */
  firstError(): string | undefined;
  /** All of Nix's errors, without colours. */
  errors(): string;
}

const MAX_ERRORS = 64 * 1024;

export function createNixLog(now: () => number, { onLine, onProgress }: NixLogHandlers): NixLog {
  const activities = createActivities();
  let firstError: string | undefined;
  let errors = "";

  const emit = (text: string, stream: NixLine["stream"], severity?: NixLine["level"]) => {
    for (const line of text.replace(/\n$/, "").split("\n")) {
      onLine(severity === undefined ? { stream, text: line } : { stream, text: line, level: severity });
    }
  };

  const message = (text: string, severity: number) => {
    if (severity <= level.error) {
      const plain = stripColours(text);
      firstError ??= findError(plain);
      if (errors.length < MAX_ERRORS) errors += `${plain}\n`;
    }
    if (severity > level.info) return; // What each file and path goes through: thousands of lines that emit nothing.
    const isNoise = /^(these \d+ |this |copying |downloading | {2}\/)/.test(text);
    emit(text, "nix", severity <= level.error ? "error" : severity === level.warning ? "warning" : isNoise ? "noise" : undefined);
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
        if ((type === BUILD_LOG_LINE || type === POST_BUILD_LOG_LINE) && typeof fields[0] === "string") {
          const name = activities.nameOf(id);
          emit(name === undefined ? fields[0] : `${parsePackageName(name).name}> ${fields[0]}`, "build");
        } else if (activities.result(id, type, fields)) onProgress();
        break;
      case "msg":
        if (typeof entry["msg"] === "string") message(entry["msg"], toLevel(entry["level"]));
        break;
      default: // An action of a later Nix.
    }
  };

  return {
    line(text) {
      const entry = text.startsWith(PREFIX) ? parseObject(text.slice(PREFIX.length)) : undefined;
      if (entry !== undefined) handle(entry);
      else if (stripColours(text).startsWith("error: ")) message(text, level.error);
      else emit(text, "nix");
    },
    progress: () => activities.progress(),
    firstError: () => firstError,
    errors: () => errors,
  };
}

/**
 * The sentence of an error: with traces, it follows the last `error:`. Since 2.29 a failed build says why in a second
 * line, `Reason: …`.
 */
function findError(plain: string): string | undefined {
  const lines = plain.split("\n").map((line) => line.trim());
  const index = lines.findLastIndex((line) => /^error: \S/.test(line));
  const sentence = (lines[index] ?? lines.find((line) => line !== "" && line !== "error:"))?.replace(/^error: /, "");
  const reason = lines[index + 1]?.startsWith("Reason: ") ? ` ${lines[index + 1]}` : "";
  return sentence === undefined ? undefined : `${sentence}${reason}`;
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

/** Removes the escape sequences that a terminal would act on (ECMA-48: CSI, OSC and two-character ones). */
export function stripColours(text: string): string {
  return text.replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, "");
}
