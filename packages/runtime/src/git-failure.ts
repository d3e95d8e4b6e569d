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

/** Why git failed, for a person: git's own first meaningful line is part of the sentence; `next` is what to do about it. */
export interface GitFailure {
  code: GitFailureCode;
  sentence: string;
  next: string;
}

interface Rule {
  code: GitFailureCode;
  pattern: RegExp;
  sentence: string;
  next: string;
}

/** In this order: the cause is often printed above the line that git itself ends with. Texts of git, ssh and curl in LC_ALL=C. */
const rules: readonly Rule[] = [
  {
    code: "host-key-unknown",
    pattern: /host key verification failed|remote host identification has changed|no .* host key is known/i,
    sentence: "The host key of the git server is not known, or not the known one",
    next: "Compare the server's key with what its operator publishes, then put it into the file that knownHostsFile names (ssh-keyscan prints it).",
  },
  {
    code: "auth-failed",
    pattern:
      /permission denied \(|authentication failed|could not read (username|password)|invalid username or password|terminal prompts disabled|returned error: 40[13]|load key .*(invalid format|permission denied|error in libcrypto)|unprotected private key|bad permissions|repository not found|too many authentication failures/i,
    sentence: "The git server did not accept the credentials, or hides the repository from them",
    next: "Check sshKeyFile or gitCredentialsFile: the key or token must be able to read this repository.",
  },
  {
    code: "branch-missing",
    pattern: /couldn't find remote ref|remote branch .* not found|invalid refspec/i,
    sentence: "The branch does not exist in the repository",
    next: "Check the branch setting, or push the branch.",
  },
  {
    code: "disk-full",
    pattern: /no space left on device|disk quota exceeded/i,
    sentence: "The disk is full",
    next: "Free space on the file system that holds the clone.",
  },
  {
    code: "commit-missing",
    pattern:
      /not our ref|not a valid commit|unknown revision|bad object [0-9a-f]{7,}|reference is not a tree|not a valid object name|needed a single revision/i,
    sentence: "The commit is not in the repository",
    next: "Refresh the target: the branch may have been rewritten.",
  },
  {
    code: "clone-corrupt",
    pattern:
      /object file .* is empty|loose object .* is corrupt|packfile .* (is corrupt|cannot be|claims)|unable to read (sha1 file|tree)|bad (tree|index file|signature)|index file (corrupt|smaller)|not a git repository|invalid object|missing (blob|tree|commit)|fatal: bad config|inflate: data stream error|pack has bad object|garbage at end of|reference broken|invalid sha1 pointer|your current branch appears to be broken/i,
    sentence: "The clone is damaged",
    next: "Pull again: the clone is recreated. If the fault returns, check the disk.",
  },
  {
    code: "repo-unreachable",
    pattern:
      /could not resolve host|connection (refused|timed out|reset|closed)|network is unreachable|no route to host|operation timed out|failed to connect|unable to access|does not appear to be a git repository|does not exist|ssl|certificate|could not read from remote repository|early eof|remote end hung up|repository .* not found|transfer closed|http\/2 stream|rpc failed|operation too slow/i,
    sentence: "The repository cannot be reached",
    next: "Check the repository URL, and whether this machine reaches that server.",
  },
];

/** Explains what git wrote on standard error when it failed. Holds no credential of a URL; other secrets are for `redact`. */
export function explainGitFailure(stderr: string, url?: string): GitFailure {
  const lines = redactUrls(stderr)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  // A server's own words ("remote: …") may be anything; they decide only when git and ssh say nothing that is known.
  const own = lines.filter((line) => !line.startsWith("remote:"));
  for (const candidates of [own, lines]) {
    for (const rule of rules) {
      const line = candidates.find((text) => rule.pattern.test(text));
      if (line !== undefined) {
        const where = url === undefined ? "" : ` (${redactUrls(url)})`;
        return { code: rule.code, sentence: `${rule.sentence}${where}: ${clean(line)}`, next: rule.next };
      }
    }
  }
  const first = own.find((line) => /^(fatal|error):/.test(line)) ?? own[0] ?? lines[0] ?? "git gave no reason";
  return { code: "git-failed", sentence: `Git failed: ${clean(first)}`, next: "Read the run's log for all that git said." };
}

function clean(line: string): string {
  const text = line.replace(/^(fatal|error): /, "");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
