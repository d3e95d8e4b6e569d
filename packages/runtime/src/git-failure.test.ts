import { expect, test } from "vitest";
import { explainGitFailure } from "./git-failure.ts";

test.each([
  ["fatal: unable to access 'https://h.example/r/': Could not resolve host: h.example", "repo-unreachable"],
  [
    "fatal: unable to access 'https://h.example/r/': Failed to connect to h.example port 443: Connection refused",
    "repo-unreachable",
  ],
  [
    "fatal: unable to access 'https://h/r/': server certificate verification failed. CAfile: none CRLfile: none",
    "repo-unreachable",
  ],
  [
    "fatal: '/nowhere.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    "repo-unreachable",
  ],
  ["ssh: connect to host h port 22: Connection timed out\nfatal: Could not read from remote repository.", "repo-unreachable"],
  ["fatal: repository 'https://h/r/' not found", "repo-unreachable"],
  ["fatal: could not read Username for 'https://h': terminal prompts disabled", "auth-failed"],
  ["remote: Invalid username or password.\nfatal: Authentication failed for 'https://h/r/'", "auth-failed"],
  ["git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", "auth-failed"],
  ["ERROR: Repository not found.\nfatal: Could not read from remote repository.", "auth-failed"],
  ["fatal: unable to access 'https://h/r/': The requested URL returned error: 403", "auth-failed"],
  ['Load key "/etc/key": error in libcrypto\ngit@h: Permission denied (publickey).', "auth-failed"],
  [
    "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\nHost key verification failed.",
    "host-key-unknown",
  ],
  ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "host-key-unknown"],
  ["fatal: couldn't find remote ref refs/heads/nope", "branch-missing"],
  [
    "warning: Could not find remote branch nope to clone.\nfatal: Remote branch nope not found in upstream origin",
    "branch-missing",
  ],
  ["fatal: remote error: upload-pack: not our ref 0123456789012345678901234567890123456789", "commit-missing"],
  ["fatal: ambiguous argument 'deadbeef': unknown revision or path not in the working tree.", "commit-missing"],
  [
    "error: object file .git/objects/ab/cd is empty\nfatal: loose object abcd (stored in .git/objects/ab/cd) is corrupt",
    "clone-corrupt",
  ],
  ["fatal: not a git repository (or any of the parent directories): .git", "clone-corrupt"],
  ["fatal: write error: No space left on device", "disk-full"],
  ["fatal: something new", "git-failed"],
  ["", "git-failed"],
])("%j is reported as %s, with git's own words and a next step", (stderr, code) => {
  const failure = explainGitFailure(stderr);
  expect(failure.code).toBe(code);
  expect(failure.next).not.toBe("");
  // It is read where no run did it: by a dashboard that fetches.
  expect(failure.next).not.toMatch(/\brun's|\blog\b|\b[Pp]ull\b/);
  expect(stderr).toContain(failure.line.replace("git gave no reason", ""));
  expect(failure.sentence).toMatch(/: .*\S\.$/);
  expect(failure.sentence).toContain(failure.line);
});

test("a server's own words do not decide where git has words of its own", () => {
  const stderr = "remote: No space left on device, Permission denied (publickey)\nfatal: couldn't find remote ref refs/heads/x";
  expect(explainGitFailure(stderr).code).toBe("branch-missing");
});

test.each([
  [
    "fatal: detected dubious ownership in repository at '/srv/config.git'\nTo add an exception for this directory, call:\n\n\tgit config …\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights",
    "detected dubious ownership in repository at '/srv/config.git'",
  ],
  [
    "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
    "RPC failed; curl 56 Recv failure: Connection reset by peer",
  ],
  [
    "fatal: unable to access 'https://h.example/r/': Could not resolve host: h.example\nfatal: Refusing to point HEAD outside of refs/",
    "unable to access 'https://h.example/r/': Could not resolve host: h.example",
  ],
  [
    "kex_exchange_identification: read: Connection reset by peer\nfatal: Could not read from remote repository.",
    "kex_exchange_identification: read: Connection reset by peer",
  ],
  ["warning: redirecting to https://h.example/r/\nfatal: early EOF", "early EOF"],
])("R71: the first fault that git names is the cause, not the sentence that it ends with: %j", (stderr, line) => {
  expect(explainGitFailure(stderr).line).toBe(line);
});

test.each([64 * 1024, 1024 * 1024])("%i bytes of what a server likes to send are explained: each line is read once", (size) => {
  const fill = (text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
  const hostile = [
    "a.",
    "a.a://",
    "x://",
    "http://a:",
    "remote branch ",
    "loose object ",
    "bad object a",
    "load key ",
    "no  ",
    "\r",
    " \r",
    "packfile \n",
    "@",
  ];
  for (const text of hostile) {
    expect(explainGitFailure(fill(text)).code).toBe("git-failed");
    expect(explainGitFailure(`${fill(text)}\nfatal: couldn't find remote ref x`).code).toBe("branch-missing");
  }
});

test("R32: an explanation repeats no credential of a URL", () => {
  const url = "https://me:t0ken-secret@h.example/r";
  const failure = explainGitFailure(`fatal: unable to access '${url}/': Could not resolve host: h.example`, url);
  expect(failure.sentence).toContain("h.example");
  expect(JSON.stringify(failure)).not.toContain("t0ken-secret");
});
