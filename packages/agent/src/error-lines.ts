import { stripEscapes } from "./escape-sequences.ts";

/**
 * What a line of a program's output says about its failure: `cause`, what went wrong; `consequence`, that something went wrong
 * elsewhere (`make: *** [web.o] Error 1`); `hint`, a word of failure in a sentence of any form; `none`.
 */
export type ErrorWeight = "cause" | "consequence" | "hint" | "none";

/** Longer lines are judged by what they begin with: each pattern then takes a bounded time. */
const LONGEST_LINE = 1000;
/** Longest text of an error. */
const LONGEST_ERROR = 2000;

const CONSEQUENCES: readonly RegExp[] = [
  // switch-to-configuration (nixpkgs, pkgs/by-name/sw/switch-to-configuration-ng and nixos/modules/system/activation), systemctl.
  /^warning: the following units failed: /,
  /^Failed to (?:start|restart|reload|stop) \S/,
  /^Failed to (?:run activate script|install bootloader)/,
  /^Job for \S+ (?:failed|canceled|timed out)/,
  /^(?:Activation script snippet '[^']*' failed|Pre-switch checks? )/,
  // make, Python's subprocess, the sums of test runners.
  /^(?:\S{1,200}\/)?(?:g?make|ninja)(?:\[\d+\])?: (?:\*\*\*|build stopped)/,
  /\bCalledProcessError\b|returned non-zero exit status/,
  /^FAILED \(|^FAIL\b(?:\t|$)|^=+ .{0,200}\b[1-9]\d* (?:failed|errors?)\b/,
  /^[1-9]\d{0,8} (?:tests?|examples?|assertions?|errors?|failures?)\b|^# (?:fail|failed|not ok) [1-9]/,
  /^Oops, /,
];

/** What people and programs call no error of theirs. */
const HARMLESS: readonly RegExp[] = [
  /^(?:warn(?:ing)?|note|info|debug|trace|hint|remote|evaluation warning)\b/i,
  /^(?:ok \d|[✓✔]|PASS|\+ )/,
  /\b(?:no|0|without|zero) (?:\w{1,20} )?(?:errors?|failures?|failed|failing)\b|\b(?:errors?|failures?|failed)\s?[:=]\s?0\b|\(ignored\)|, ignor(?:ed|ing)\b/i,
  /^Existing file '.{1,500}will be (?:skipped|moved)/,
];

const ERRNO =
  "no space left on device|disk quota exceeded|read-only file system|permission denied|no such file or directory|command not found|not found|operation not permitted|connection (?:refused|timed out|reset by peer)|no route to host|network is unreachable|input\\/output error|cannot allocate memory|is a directory|not a directory|file exists|text file busy|device or resource busy|address already in use|exec format error|invalid argument|directory not empty|too many open files|unbound variable";

/** bats for terminals, mocha: what stands before it is where the cursor was. */
const MARK = /(?:^|\s)[✗✘✖] ?\S/u;

/** Lines that call themselves an error, an exception or a failed test. */
const LABELS: readonly RegExp[] = [
  // `error: …`, `nix: error: …`, `src/a.c:3:1: fatal error: …`, `error[E0425]: …`, `x.sh: 3: Syntax error: …`.
  /^(?:[^\s:]{1,256}: ?){0,5}(?:[a-z]{1,12} ){0,2}(?:error|fatal|panic)(?:\[\w{1,20}\])?: ?\S/i,
  // Exceptions of Python, JavaScript, Java and Ruby.
  /^[A-Za-z_][\w.]{0,120}(?:Error|Exception)(?:: \S|$)/,
  // bats, TAP, pytest, go test, unittest, and shell scripts as people write them.
  /^not ok \d{1,9}(?!.{0,500}# (?:TODO|SKIP))/i,
  MARK,
  /^E\s{2,8}\S/,
  /^--- FAIL: /,
  /^(?:FAIL|FAILED|FAILURE|ERROR|CRITICAL|FATAL)(?:[:!\s]|$)/,
];

/** What goes wrong, in the words of systems and tools. Some of it may be meant otherwise. */
const SYMPTOMS: readonly RegExp[] = [
  /\[Errno \d{1,4}\] /,
  /\bassertion\b.{0,300}\bfailed\b/i,
  /^thread '.{1,100}' .{0,20}panicked at /,
  /^curl: \(\d{1,3}\) /,
  // Shells name the line: bash(1), "x.sh: line 3: …".
  /^[^\s:]{1,256}: line \d{1,7}: \S/,
  // strerror(3) at the end, also as Perl's `die` prints it.
  new RegExp(`: (?:${ERRNO})[.)]?(?: at \\S{1,300} line \\d{1,7}\\.?)?$`, "i"),
  // launchctl(1): "Load failed: 5: Input/output error", "Bootstrap failed: 5: …".
  /^[A-Z][\w-]{0,40} failed: \d{1,6}: \S/,
  // Home Manager, modules/files/check-link-targets.sh and modules/lib-bash/activation-init.sh.
  /^Existing file '.{1,500}/,
  /^\w{1,40} is ".{0,400}", expected "/,
];

/** Every label holds one of these, which most lines do not: a look for them is cheap. */
const LABEL_WORDS = /error|exception|fatal|panic|fail|not ok|critical|[✗✘✖]|^\s*E\s|curl: /i;
/** The same for every other sign of a failure. */
const SIGNS = new RegExp(
  `${LABEL_WORDS.source}|errno|assert|: line \\d|Existing|expected|${ERRNO}|\\*\\*\\*|stopped|non-zero|Oops|cannot|can't|could|unable|refused|invalid|missing|no such|abort|timed out|killed|segmentation|unknown|Pre-switch|Job for`,
  "i",
);

/** Lines that only say what is done or how a unit is, whatever its name is made of. */
const PROGRESS =
  /^(?:stopping|starting|restarting|reloading|NOT restarting|the following new units|activating|setting up|creating|removing|updating|copying|installing|building|unpacking|downloading|these|this|would|● ?|Active:|Process:|Main PID:|Loaded:|Invocation:|Docs:|CGroup:|Tasks:|TriggeredBy:)/i;

const HINT =
  /\b(?:error|fatal|failed|failure|cannot|can't|could not|couldn't|unable|denied|refused|invalid|missing|not found|no such|unexpected|abort(?:ed|ing)?|timed out|killed|segmentation fault|unknown)\b/i;

/** journalctl(1) `--output=short`, as `systemctl status` prints it: time, host, program, its process, its message. */
const JOURNAL = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,256} (([^\s[]{1,256})\[\d{1,10}\]: .*)$/;

/** A line without escape sequences and outer space, as it is judged and told. */
export function plainLine(text: string): string {
  return stripEscapes(text).trim();
}

/** Judges one line. `said` is what of it is the error. */
export function judgeLine(text: string): { weight: ErrorWeight; said: string } {
  const plain = plainLine(text.slice(0, 4 * LONGEST_LINE));
  const line = plain.slice(0, LONGEST_LINE);
  const journal = JOURNAL.exec(line);
  if (journal !== null) return { weight: judgeJournal(journal[2] ?? "", line), said: journal[1] ?? line };
  const mark = line.search(MARK);
  return { weight: weigh(line), said: mark < 0 ? plain : plain.slice(mark).trim() };
}

function weigh(line: string): ErrorWeight {
  if (!SIGNS.test(line)) return "none";
  if (matches(CONSEQUENCES, line)) return "consequence";
  if (matches(HARMLESS, line)) return "none";
  if (matches(LABELS, line) || matches(SYMPTOMS, line)) return "cause";
  return !PROGRESS.test(line) && HINT.test(line) ? "hint" : "none";
}

/** What a failed unit itself has printed last says more than that it failed. */
function judgeJournal(program: string, line: string): ErrorWeight {
  if (program === "systemd") return "none";
  const weight = weigh(line.slice(line.indexOf("]: ") + 3));
  return weight === "hint" ? "cause" : weight;
}

function matches(patterns: readonly RegExp[], line: string): boolean {
  return patterns.some((pattern) => pattern.test(line));
}

/** True: the line calls itself an error, an exception or a failed test. */
export function saysError(text: string): boolean {
  if (!LABEL_WORDS.test(text.slice(0, LONGEST_LINE))) return false;
  const line = plainLine(text.slice(0, LONGEST_LINE));
  return !matches(HARMLESS, line) && matches(LABELS, line);
}

/** What was found so far in an output that is read line by line. */
export interface FoundError {
  readonly cause?: string;
  readonly consequence?: string;
  readonly hint?: string;
  /** The last line that says anything. */
  readonly last?: string;
  /** The line before was a bare `error:`, and what it says is still to come (Nix, for messages of several lines). */
  readonly open?: true;
}

export const NOTHING_FOUND: FoundError = {};

/** Takes in the next line of an output. */
export function readErrorLine(found: FoundError, text: string): FoundError {
  if (found.cause !== undefined) return found;
  const { weight, said } = judgeLine(text);
  if (said === "") return found;
  const { open, ...before } = found;
  const next: FoundError = { ...before, last: said.slice(0, LONGEST_ERROR) };
  if (/^error:$/i.test(said)) return { ...next, open: true };
  if (open && /^(?:…|\.\.\.|at |\(stack trace |Failed assertions:)/.test(said)) return { ...next, open: true };
  if (weight === "cause" || (open && weight !== "consequence")) return { ...next, cause: withoutLabel(next.last ?? "") };
  if (weight === "none" || next[weight] !== undefined) return next;
  return { ...next, [weight]: next.last };
}

/** The line that a reader would point at: the first that names a cause, else the first of a consequence, of a hint, else the last. */
export function firstError({ cause, consequence, hint, last }: FoundError): string | undefined {
  return cause ?? consequence ?? hint ?? last;
}

/** What stands before an error says nothing more: Nix's and git's own label, the sign of a list, pytest's `E`. */
export function withoutLabel(text: string): string {
  return text.replace(/^(?:error|fatal): ?(?=\S)/i, "").replace(/^(?:- |E {2,8})(?=\S)/, "");
}

/** What programs say when a file system is full: strerror(ENOSPC), Python's and Node's names of it, SQLite, Nix's own note. */
export function saysDiskFull(text: string): boolean {
  return /no space left on device|disk quota exceeded|database or disk is full|\[Errno (?:28|122)\]|\bENOSPC\b|\bEDQUOT\b|lack of free disk space|not enough (?:free |disk )?space|insufficient (?:free |disk )?space/i.test(
    text,
  );
}
