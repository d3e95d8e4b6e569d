import { redactUrls } from "./redact.ts";

export type GitFailureCode =
  | "repo-unreachable"
  | "auth-failed"
  | "host-key-unknown"
  | "branch-missing"
  | "commit-missing"
  | "clone-corrupt"
  | "disk-full"
  | "git-failed";

/**
 * Why git failed, for a person: git's own first meaningful line is part of the sentence; `next` is what to do about it where no run did it
 * (a failed run has the next step of its code).
 */
export interface GitFailure {
  code: GitFailureCode;
  /** Ends with a full stop. */
  sentence: string;
  /** Git's own line. */
  line: string;
  next: string;
}

/**
 * A text that a line holds, in lower case; two: the second one follows the first. A pattern begins with a text of its own and then takes what
 * comes without choice, so that a line is read once for each phrase.
 */
type Phrase = string | readonly [string, string] | RegExp;

interface Rule {
  code: Exclude<GitFailureCode, "git-failed">;
  phrases: readonly Phrase[];
  sentence: string;
  next: string;
}

/** Where a line speaks of two things, the earlier rule is meant. Texts of git, ssh and curl in LC_ALL=C. */
const rules: readonly Rule[] = [
  {
    code: "host-key-unknown",
    phrases: ["host key verification failed", "remote host identification has changed", " host key is known"],
    sentence: "The host key of the git server is not known, or not the known one",
    next: "Compare the server's key with what its operator publishes, then put it into the file that knownHostsFile names (ssh-keyscan prints it).",
  },
  {
    code: "auth-failed",
    phrases: [
      "permission denied (",
      "authentication failed",
      "could not read username",
      "could not read password",
      "invalid username or password",
      "terminal prompts disabled",
      "returned error: 401",
      "returned error: 403",
      ["load key ", "invalid format"],
      ["load key ", "permission denied"],
      ["load key ", "error in libcrypto"],
      "unprotected private key",
      "bad permissions",
      "repository not found",
      "too many authentication failures",
    ],
    sentence: "The git server did not accept the credentials, or hides the repository from them",
    next: "Check sshKeyFile or gitCredentialsFile: the key or token must be able to read this repository.",
  },
  {
    code: "branch-missing",
    phrases: ["couldn't find remote ref", ["remote branch ", " not found"], "invalid refspec"],
    sentence: "The branch does not exist in the repository",
    next: "Check the branch setting, or push the branch.",
  },
  {
    code: "disk-full",
    phrases: ["no space left on device", "disk quota exceeded"],
    sentence: "The disk is full",
    next: "Free space on the file system that holds the clone.",
  },
  {
    code: "commit-missing",
    phrases: [
      "not our ref",
      "not a valid commit",
      "unknown revision",
      /bad object [0-9a-f]{7,}/,
      "reference is not a tree",
      "not a valid object name",
      "needed a single revision",
    ],
    sentence: "The commit is not in the repository",
    next: "Refresh: the branch may have been rewritten.",
  },
  {
    code: "clone-corrupt",
    phrases: [
      ["object file ", " is empty"],
      ["index file ", " is too small"],
      "did not send all necessary objects",
      ["loose object ", " is corrupt"],
      ["packfile ", " is corrupt"],
      ["packfile ", " cannot be"],
      ["packfile ", " claims"],
      "unable to read sha1 file",
      "unable to read tree",
      "bad tree",
      "bad index file",
      "bad signature",
      "index file corrupt",
      "index file smaller",
      "not a git repository",
      "invalid object",
      "missing blob",
      "missing tree",
      "missing commit",
      "fatal: bad config",
      "inflate: data stream error",
      "pack has bad object",
      "garbage at end of",
      "reference broken",
      "invalid sha1 pointer",
      "your current branch appears to be broken",
    ],
    sentence: "The clone is damaged",
    next: "It is recreated by itself. If the fault returns, check the disk.",
  },
  {
    code: "repo-unreachable",
    phrases: [
      "could not resolve host",
      "connection refused",
      "connection timed out",
      "connection reset",
      "connection closed",
      "network is unreachable",
      "no route to host",
      "operation timed out",
      "failed to connect",
      "unable to access",
      "does not appear to be a git repository",
      "does not exist",
      "ssl",
      "certificate",
      "could not read from remote repository",
      "early eof",
      "remote end hung up",
      ["repository ", " not found"],
      "transfer closed",
      "http/2 stream",
      "rpc failed",
      "operation too slow",
    ],
    sentence: "The repository cannot be reached",
    next: "Check the repository URL, and whether this machine reaches that server.",
  },
];

/** What git says last, whatever the cause was. */
const SUMMARIES: readonly Phrase[] = ["could not read from remote repository", "early eof", "remote end hung up", "fetch-pack: "];
/** A longer line is judged by what it begins with. */
const LONGEST_LINE = 4096;

/**
 * Explains what git wrote on standard error when it failed: by the first line that says why, since what git says after that follows
 * from it. Holds no credential of a URL; other secrets are for `redact`.
 */
export function explainGitFailure(stderr: string, url?: string): GitFailure {
  const lines = redactUrls(stderr)
    .split(/[\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  // A server's own words ("remote: …") may be anything; they decide only when git and ssh say nothing that is known.
  const own = lines.filter((line) => !line.startsWith("remote:") && !line.startsWith("warning:"));
  for (const candidates of [own, lines]) {
    const known = firstKnown(candidates);
    if (known === undefined) continue;
    const { rule, line } = known;
    const where = url === undefined ? "" : ` (${redactUrls(url)})`;
    return { code: rule.code, sentence: `${rule.sentence}${where}: ${withStop(line)}`, line, next: rule.next };
  }
  const first = clean(own.find(isFatal) ?? own[0] ?? lines[0] ?? "git gave no reason");
  return {
    code: "git-failed",
    sentence: `Git failed: ${withStop(first)}`,
    line: first,
    next: "Clone the repository by hand on this machine: git then prints everything that it has to say.",
  };
}

function firstKnown(lines: readonly string[]): { rule: Rule; line: string } | undefined {
  const ruled = lines.flatMap((line) => {
    const rule = ruleOf(line);
    return rule === undefined ? [] : [{ rule, line }];
  });
  const first = ruled.find(({ line }) => !isSummary(line)) ?? ruled[0];
  if (first === undefined) return undefined;
  // A fault that no rule knows, before the one sentence that git ends with, is what it was.
  const unknown = isSummary(first.line) ? lines.slice(0, lines.indexOf(first.line)).find(isFatal) : undefined;
  return { rule: first.rule, line: clean(unknown ?? first.line) };
}

function ruleOf(line: string): Rule | undefined {
  const text = line.slice(0, LONGEST_LINE).toLowerCase();
  return rules.find(({ phrases }) => phrases.some((phrase) => holds(text, phrase)));
}

function isSummary(line: string): boolean {
  const text = line.slice(0, LONGEST_LINE).toLowerCase();
  return SUMMARIES.some((phrase) => holds(text, phrase));
}

function holds(text: string, phrase: Phrase): boolean {
  if (typeof phrase === "string") return text.includes(phrase);
  if (phrase instanceof RegExp) return phrase.test(text);
  const [first, second] = phrase;
  const at = text.indexOf(first);
  return at >= 0 && text.includes(second, at + first.length);
}

function isFatal(line: string): boolean {
  return line.startsWith("fatal:") || line.startsWith("error:");
}

function withStop(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function clean(line: string): string {
  const text = line.replace(/^(fatal|error): /, "");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
