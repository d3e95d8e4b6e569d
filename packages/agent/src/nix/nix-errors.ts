import { withoutLabel } from "../error-lines.ts";

/** An error that Nix printed, without its trace. */
export interface NixError {
  /** One sentence, as plain text. */
  readonly sentence: string;
  /** Which line of the message it is, from 0. */
  readonly line: number;
  /** `summary`: of an error that was printed before, or of a download that only gave a warning. */
  readonly kind: "cause" | "summary";
  /** The derivation whose builder gave up by itself: what it printed says why. */
  readonly builder: string | undefined;
  /** git or ssh failed: what they printed says why. */
  readonly isOfGit: boolean;
}

/** Whether a message is an error. Its level does not say so: traces of an evaluation have that of errors, and so has all that a daemon says. */
export function isNixError(plain: string): boolean {
  return plain.startsWith("error:");
}

/** Warnings of Nix itself and of an evaluation (`lib.warn`: a trace before Nix 2.23), at any level. */
export function isNixWarning(plain: string): boolean {
  return /^(?:warning:|(?:trace: )?evaluation warning:)/.test(plain);
}

/** A warning that a substituter could not give what was asked of it: a build can fail for want of it, and says so only here. */
export function isDownloadWarning(plain: string): boolean {
  return /^warning: (?:unable to download|file '[^']*' does not exist in binary cache|ignoring substitute)/.test(plain);
}

const SUMMARY =
  /^(?:\d+ dependenc(?:y|ies) of derivation '[^']*' failed to build|build of '[^\n]* failed|some references of path '[^']*' could not be realised|path '[^']*' is required, but there is no substituter|Cannot build '[^']*'\. Reason: \d+ dependenc(?:y|ies) failed)/;
const BUILDER = /^(?:builder for '([^']+)' failed with exit code|Cannot build '([^']+)'\. Reason: builder failed with exit code)/;
const GIT = /^(?:program 'git' failed|Failed to fetch git repository|Cannot find Git revision)/;

/**
 * Reads a message that begins with `error:`, without colours. Since 2.14 a trace stands between a bare `error:` and the sentence, which
 * then has a label of its own; the text of a `throw` may begin with an empty line; since 2.29 a failed build says why in its second line, and
 * one of a daemon goes on with the end of its log.
 */
export function readNixError(plain: string): NixError {
  const lines = plain.split("\n").map((line) => line.trim());
  const label = lines[0] === "error:" ? lines.findLastIndex((line, index) => index > 0 && /^error:(?: |$)/.test(line)) : 0;
  let line = Math.max(label, 0);
  let text = withoutLabel(lines[line] ?? "");
  while ((text === "" || text === "error:" || text === "Failed assertions:") && line + 1 < lines.length) {
    line++;
    text = withoutLabel(lines[line] ?? "");
  }
  const next = lines[line + 1] ?? "";
  const isInTwo = text.startsWith("Cannot build '") && next.startsWith("Reason: ");
  const sentence = isInTwo ? `${text} ${next}` : text.replace(/;$/, "");
  const builder = BUILDER.exec(sentence);
  return {
    sentence,
    line,
    kind: SUMMARY.test(sentence) ? "summary" : "cause",
    builder: builder?.[1] ?? builder?.[2],
    isOfGit: GIT.test(sentence),
  };
}
