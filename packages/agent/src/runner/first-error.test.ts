import { explainGitFailure } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { plainLine, saysDiskFull, saysError } from "../error-lines.ts";
import { createNixLog, type NixLine } from "../nix/log-stream.ts";
import { NIX_VERSIONS, type NixVersion, type Recording, readRecordings, recordedNix } from "../nix/recordings.fixture.ts";
import { createErrorFinder } from "./first-error.ts";

const recorded = readRecordings(new URL("fixtures/tool-outputs.txt", import.meta.url));
const byHand = readRecordings(new URL("fixtures/tool-outputs-by-hand.txt", import.meta.url));

/** The first error of a program that writes plain lines. */
const PLAIN: Record<string, string | undefined> = {
  // Boot loaders.
  "systemd-boot":
    "OSError: [Errno 28] No space left on device: '/tmp/nixfleet-tools/initrd' -> '/tmp/nixfleet-tools/boot/initrd.efi*.tmp.'",
  bootctl: 'Failed to open file system "/boot": No such file or directory',
  grub: "cannot copy initrd to boot/initrd.tmp: No space left on device",
  "perl-die": "cannot open /nowhere/grub.cfg: No such file or directory at -e line 1.",
  cp: "cp: error writing 'boot/initrd': No space left on device",
  "read-only": "touch: cannot touch 'boot/x': Read-only file system",
  "switch-ng-boot-loader-failed": "OSError: [Errno 28] No space left on device",
  // Activations.
  "activation-command-missing": "activate.sh: line 2: frobnicate: command not found",
  "activation-unbound": "bash: line 1: SECRET_KEY: unbound variable",
  "activation-link": "ln: failed to create symbolic link 'file': File exists",
  "home-manager-in-the-way": "Existing file '/tmp/nixfleet-tools/home/.bashrc' would be clobbered",
  "home-manager-backup-in-the-way":
    "Existing file '/tmp/nixfleet-tools/home/.bashrc.backup' would be clobbered by backing up '/tmp/nixfleet-tools/home/.bashrc'",
  "home-manager-wrong-home": 'HOME is "/root", expected "/home/ann"',
  "switch-ng-units-failed": "nginx[2041]: nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
  "switch-ng-units-failed-silent": "warning: the following units failed: backup.service",
  "switch-perl-units-failed": "web[2041]: Error: cannot parse line 3: expected a number",
  "switch-ng-activation-failed": "age: error: no identity matched any of the recipients",
  "switch-ng-pre-switch-check": "the disk of /var is not mounted",
  "darwin-etc": "Unexpected files in /etc, aborting activation",
  "darwin-user": "primary user `ann` does not exist, aborting activation",
  "darwin-launchctl": "Load failed: 5: Input/output error",
  "nix-env-profile": "creating symlink '/nix/var/nix/profiles/system-12-link': Read-only file system",
  // Tests of hosts.
  bats: "not ok 2 the site answers",
  "bats-pretty": "✗ the site answers",
  pytest: "AssertionError: the site does not answer",
  unittest: "FAIL: test_site (__main__.Host.test_site)",
  "shell-curl": "curl: (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Could not connect to server",
  "shell-fail": "FAIL: web.service is inactive",
  "shell-words": "expected 3 backups, found 0",
  "shell-dash-syntax": 'T5.sh: 2: Syntax error: end of file unexpected (expecting "then")',
  "shell-silent": undefined,
  "shell-missing-program": "sh: 1: nc: not found",
  "shell-trace": "cat: /etc/missing-file: No such file or directory",
};

test.each(Object.entries(PLAIN))("R71: the first error of %s is %j", (name, expected) => {
  const output = recorded.get(name) ?? byHand.get(name);
  const errors = createErrorFinder();
  for (const line of output?.lines ?? ["not recorded"]) errors.read(line);
  const first = errors.first();
  expect(first?.replace(/efi\w+\.tmp/, "efi*.tmp")).toBe(expected);
  expect(output?.lines.some((line) => plainLine(line).includes(first ?? ""))).toBe(expected !== undefined);
});

test("R71: every recorded output of a tool is in the table", () => {
  const known = new Set([...Object.keys(PLAIN), ...Object.keys(GIT), "switch-good", "grub-good"]);
  expect([...recorded.keys(), ...byHand.keys()].filter((name) => !known.has(name))).toEqual([]);
});

test.each(["switch-good", "grub-good"])(
  "R71: no line of %s calls itself an error, though names and words speak of failures",
  (name) => {
    expect(byHand.get(name)?.lines.filter(saysError)).toEqual([]);
  },
);

/** Git and ssh: the code and the line. The first fatal line is the cause, the last one a summary. */
const GIT: Record<string, readonly [code: string, line: string]> = {
  "git-host-key": ["host-key-unknown", "Host key verification failed."],
  "git-key-refused": ["auth-failed", "git@127.0.0.1: Permission denied (publickey,keyboard-interactive)."],
  "git-ssh-refused": ["repo-unreachable", "ssh: connect to host 127.0.0.1 port 1: Connection refused"],
  "git-unknown-host": ["repo-unreachable", "unable to access 'https://git.invalid/x.git/': Could not resolve host: git.invalid"],
  "git-http-refused": [
    "repo-unreachable",
    "unable to access 'http://127.0.0.1:1/x.git/': Failed to connect to 127.0.0.1 port 1 after 0 ms: Could not connect to server",
  ],
  "git-missing-branch": ["branch-missing", "couldn't find remote ref refs/heads/nope"],
  "git-missing-commit": ["clone-corrupt", "unable to read tree (0123456789012345678901234567890123456789)"],
  "git-not-a-repository": ["repo-unreachable", "repository '/nowhere' does not exist"],
  "git-no-password": [
    "repo-unreachable",
    "unable to access 'http://127.0.0.1:8931/private.git/': Failed to connect to 127.0.0.1 port 8931 after 0 ms: Could not connect to server",
  ],
  "git-dubious-ownership": ["repo-unreachable", "detected dubious ownership in repository at '/tmp/nixfleet-tools/repo/.git'"],
  "git-empty-object": ["clone-corrupt", "object file .git/objects/* is empty"],
  "git-disk-full": ["disk-full", "copy-fd: write returned: No space left on device"],
};

test.each(Object.entries(GIT))("R71: git's own first line says why: %s is %j", (name, [code, line]) => {
  const failure = explainGitFailure(recorded.get(name)?.lines.join("\n") ?? "");
  expect([failure.code, failure.line.replace(/objects\/\S+/, "objects/*")]).toEqual([code, line]);
});

const readNix = ({ lines }: Recording) => {
  const said: NixLine[] = [];
  const nix = createNixLog(() => 0, { onLine: (line) => said.push(line), onProgress: () => {} });
  for (const line of lines) nix.line(line);
  return { nix, said };
};

/** Store paths, addresses of the flake and ports differ from one recording to the next. */
const normal = (text: string | undefined) =>
  text
    ?.replaceAll(/\/nix\/store\/[0-9a-z]{32}-/g, "/nix/store/…-")
    .replaceAll(/«git\+file:[^»]*»|\/nix\/store\/…-source(?=\/)/g, "SOURCE")
    .replaceAll(/rev=[0-9a-f]{40}/g, "rev=…")
    .replaceAll(/(\d+) ms/g, "0 ms");

type ByVersion = string | undefined | Record<NixVersion, string>;

/** Evaluations: the same sentence in each version of Nix, or one for each. Undefined: there is none, and the evaluation ends well. */
const EVALUATIONS: Record<string, ByVersion> = {
  good: undefined,
  warning: undefined,
  trace: undefined,
  "trace-of-lines": undefined,
  "without-ref": undefined,
  "trace-then-throw": "the port is taken",
  assertion: "The ‘fileSystems’ option does not specify your root file system.",
  "assertion-of-lines": "Failed to find a password hash for the root user:",
  "option-type":
    "A definition for option `services.web.port' is not of type `16 bit unsigned integer; between 0 and 65535 (both inclusive)'. Definition values:",
  "option-missing": "The option `services.webb' does not exist. Definition values:",
  "option-conflict": "The option `networking.hostName' has conflicting definition values:",
  "option-undefined": "A definition for option `networking.hostName' is not of type `string'. Definition values:",
  throw: "the port is taken",
  "throw-of-lines": "The port is taken:",
  abort: "evaluation aborted with the following error message: 'nothing to do'",
  "false-assert": {
    "2.8": "assertion '(1 == 2)' failed",
    "2.26": "an integer with value '1' is not equal to an integer with value '2'",
    "2.34": "an integer with value '1' is not equal to an integer with value '2'",
  },
  "missing-attribute": "attribute 'nope' missing",
  "undefined-variable": "undefined variable 'b'",
  syntax: "syntax error, unexpected end of file, expecting ';'",
  "flake-syntax": "syntax error, unexpected end of file, expecting ';'",
  "missing-file": {
    "2.8": "getting status of 'SOURCE/not-in-git.nix': No such file or directory",
    "2.26": "path 'SOURCE/not-in-git.nix' does not exist",
    "2.34": "path 'SOURCE/not-in-git.nix' does not exist",
  },
  "flake-missing": {
    "2.8": "getting status of 'SOURCE/flake.nix': No such file or directory",
    "2.26": "path 'SOURCE/flake.nix' does not exist",
    "2.34": "path 'SOURCE/flake.nix' does not exist",
  },
  dirty: {
    "2.8": "getting status of 'SOURCE/hosts.nix': No such file or directory",
    "2.26": "path 'SOURCE/hosts.nix' does not exist",
    "2.34": "Path 'hosts.nix' does not exist in Git repository \"/tmp/nixfleet-record/clean\".",
  },
  "infinite-recursion": "infinite recursion encountered",
  "recursion-of-option": "infinite recursion encountered",
  "too-deep": {
    "2.8": "stack overflow (possible infinite recursion)",
    "2.26": "stack overflow; max-call-depth exceeded",
    "2.34": "stack overflow; max-call-depth exceeded",
  },
  coercion: {
    "2.8": "cannot coerce a set to a string",
    "2.26": "cannot coerce a set to a string: { a = 1; }",
    "2.34": "cannot coerce a set to a string: { a = 1; }",
  },
  "not-a-function": {
    "2.8": "attempt to call something which is not a function but a string",
    "2.26": 'attempt to call something which is not a function but a string: "text"',
    "2.34": 'attempt to call something which is not a function but a string: "text"',
  },
  "wrong-argument": {
    "2.8": "'mkOption' at SOURCE/lib/options.nix:140:5 called with unexpected argument 'nope'",
    "2.26": "function 'mkOption' called with unexpected argument 'nope'",
    "2.34": "function 'mkOption' called with unexpected argument 'nope'",
  },
  "import-from-derivation": "generated.nix: line 3: syntax error",
  "fetch-missing": {
    "2.8": "unable to download 'http://127.0.0.1:8931/missing.tar.gz': HTTP error 404 ('Not Found')",
    "2.26":
      "Failed to open archive (Source threw exception: error: unable to download 'http://127.0.0.1:8931/missing.tar.gz': HTTP error 404)",
    "2.34":
      "Failed to open archive (Source threw exception: error: unable to download 'http://127.0.0.1:8931/missing.tar.gz': HTTP error 404)",
  },
  "fetch-refused": {
    "2.8": "unable to download 'http://127.0.0.1:1/x.tar.gz': Couldn't connect to server (7)",
    "2.26":
      "Failed to open archive (Source threw exception: error: unable to download 'http://127.0.0.1:1/x.tar.gz': Could not connect to server (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Could not connect to server)",
    "2.34":
      "Failed to open archive (Source threw exception: error: unable to download 'http://127.0.0.1:1/x.tar.gz': Could not connect to server (7) Failed to connect to 127.0.0.1:1 after 0 ms: Could not connect to server)",
  },
  "fetch-unknown-host": {
    "2.8": "unable to download 'http://cache.invalid/x.tar.gz': Couldn't resolve host name (6)",
    "2.26":
      "Failed to open archive (Source threw exception: error: unable to download 'http://cache.invalid/x.tar.gz': Could not resolve hostname (6) Could not resolve host: cache.invalid)",
    "2.34":
      "Failed to open archive (Source threw exception: error: unable to download 'http://cache.invalid/x.tar.gz': Could not resolve hostname (6) Could not resolve host: cache.invalid)",
  },
  "fetch-wrong-hash": "hash mismatch in file downloaded from 'http://127.0.0.1:8931/file':",
  "git-unknown-host": "unable to access 'https://git.invalid/x.git/': Could not resolve host: git.invalid",
  "git-missing-repository": {
    "2.8": "'/nowhere.git' does not appear to be a git repository",
    "2.26": "'/nowhere.git' does not appear to be a git repository",
    "2.34": 'Git repository "/nowhere.git" does not exist.',
  },
  "git-host-key": "Host key verification failed.",
  "git-authentication": "git@127.0.0.1: Permission denied (publickey,keyboard-interactive).",
  "no-such-host":
    "flake 'git+file:///tmp/nixfleet-record/repo?ref=HEAD&rev=…' does not provide attribute 'packages.x86_64-linux.hosts.nobody.drvPath', 'legacyPackages.x86_64-linux.hosts.nobody.drvPath' or 'hosts.nobody.drvPath'",
  "lock-missing-input": {
    "2.8":
      "cannot write modified lock file of flake 'git+file:///tmp/nixfleet-record/unlocked?ref=HEAD&rev=…' (use '--no-write-lock-file' to ignore)",
    "2.26":
      "flake 'git+file:///tmp/nixfleet-record/unlocked?ref=HEAD&rev=…' requires lock file changes but they're not allowed due to '--no-update-lock-file'",
    "2.34":
      "flake 'git+file:///tmp/nixfleet-record/unlocked?ref=HEAD&rev=…' requires lock file changes but they're not allowed due to '--no-update-lock-file'",
  },
  "commit-missing": {
    "2.8":
      "Cannot find Git revision '0123456789012345678901234567890123456789' in ref 'HEAD' of repository '/tmp/nixfleet-record/repo'! Please make sure that the rev exists on the ref you've specified or add allRefs = true; to fetchGit.",
    "2.26":
      "getting Git object '0123456789012345678901234567890123456789': object not found - no match for id (0123456789012345678901234567890123456789)",
    "2.34":
      "getting Git object '0123456789012345678901234567890123456789': object not found - no match for id (0123456789012345678901234567890123456789) (libgit2 error code = 9)",
  },
};

/** Builds, with what Nix itself says of them where that is another line. */
const BUILDS: Record<string, ByVersion> = {
  good: undefined,
  download: undefined,
  "cache-unreachable-build": undefined,
  compiler: "src/web.c:41:9: error: ‘workers’ undeclared (first use in this function)",
  silent: {
    "2.8": "builder for '/nix/store/…-silent-1.drv' failed with exit code 3",
    "2.26": "builder for '/nix/store/…-silent-1.drv' failed with exit code 3",
    "2.34": "Cannot build '/nix/store/…-silent-1.drv'. Reason: builder failed with exit code 3.",
  },
  dependency: "web.service: Unknown key name ExecStrat",
  several: "one: cannot find -lone",
  killed: {
    "2.8": "builder for '/nix/store/…-big-1.drv' failed due to signal 9 (Killed)",
    "2.26": "builder for '/nix/store/…-big-1.drv' failed due to signal 9 (Killed)",
    "2.34": "Cannot build '/nix/store/…-big-1.drv'. Reason: builder failed due to signal 9 (Killed).",
  },
  "no-output": {
    "2.8": "builder for '/nix/store/…-empty-1.drv' failed to produce output path for output 'out' at '/nix/store/…-empty-1'",
    "2.26": "builder for '/nix/store/…-empty-1.drv' failed to produce output path for output 'out' at '/nix/store/…-empty-1'",
    "2.34": "builder for '/nix/store/…-empty-1.drv' failed to produce output path for output 'out' at \"/nix/store/…-empty-1\"",
  },
  "disk-full": "dd: error writing '/tmp/nixfleet-full/x': No space left on device",
  "wrong-hash": "hash mismatch in fixed-output derivation '/nix/store/…-source.tar.gz.drv':",
  "other-system": {
    "2.8":
      "a 'riscv64-linux' with features {} is required to build '/nix/store/…-firmware-1.drv', but I am a 'x86_64-linux' with features {benchmark, big-parallel, kvm, nixos-test}",
    "2.26":
      "a 'riscv64-linux' with features {} is required to build '/nix/store/…-firmware-1.drv', but I am a 'x86_64-linux' with features {benchmark, big-parallel, kvm, nixos-test, uid-range}",
    "2.34": "Cannot build '/nix/store/…-firmware-1.drv'. Reason: platform mismatch",
  },
  "download-missing": "file 'nar/*' does not exist in binary cache 'http://127.0.0.1:8931/cache'",
  "cache-unreachable": {
    "2.8": "unable to download 'http://127.0.0.1:1/nix-cache-info': Couldn't connect to server (7)",
    "2.26":
      "unable to download 'http://127.0.0.1:1/nix-cache-info': Could not connect to server (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Could not connect to server",
    "2.34":
      "unable to download 'http://127.0.0.1:1/nix-cache-info': Could not connect to server (7) Failed to connect to 127.0.0.1:1 after 0 ms: Could not connect to server",
  },
  "store-full": {
    "2.8": "writing to file: No space left on device",
    "2.26": "writing to file: No space left on device",
    "2.34":
      "setting journal mode: database or disk is full, database or disk is full (in '/tmp/nixfleet-record/small/nix/var/nix/db/db.sqlite')",
  },
};

const of = (expected: ByVersion, version: NixVersion) => (typeof expected === "object" ? expected[version] : expected);

const nixRows = NIX_VERSIONS.flatMap((version) => [
  ...Object.entries(EVALUATIONS).map(([name, expected]) => ({ version, kind: "evaluate" as const, name, expected })),
  ...Object.entries(BUILDS).map(([name, expected]) => ({ version, kind: "build" as const, name, expected })),
]);

test.each(nixRows)("R71, R75: Nix $version, $kind $name", ({ version, kind, name, expected }) => {
  const recording = recordedNix(kind, version).get(name);
  if (recording === undefined) throw new Error("not recorded");
  const { nix, said } = readNix(recording);
  const first = normal(nix.firstError())?.replace(/nar\/\w+\.nar\.xz/, "nar/*");
  expect(first).toBe(of(expected, version));
  expect(first === undefined).toBe(recording.exitCode === 0);
  // A run that succeeds has no red line; one that fails says so once for each error, not for each line of a trace.
  const red = said.filter(({ level }) => level === "error").map(({ text }) => plainLine(text));
  expect(red.length).toBeLessThanOrEqual(recording.exitCode === 0 ? 0 : 2);
  if (expected !== undefined && saysDiskFull(first ?? "")) expect(name).toMatch(/full/);
});

test("R71: every recorded evaluation and build is in the table", () => {
  for (const version of NIX_VERSIONS) {
    expect([...recordedNix("evaluate", version).keys()].filter((name) => !Object.hasOwn(EVALUATIONS, name))).toEqual([]);
    expect([...recordedNix("build", version).keys()].filter((name) => !Object.hasOwn(BUILDS, name))).toEqual([]);
  }
});

test.each(["2.26", "2.34"] as const)("R75: a nix-daemon's Nix %s gives each build the same first error", (version) => {
  for (const kind of ["build", "evaluate"] as const) {
    for (const [name, recording] of recordedNix(kind, `${version}-daemon`)) {
      const expected = of((kind === "build" ? BUILDS : EVALUATIONS)[name], version);
      const { nix, said } = readNix(recording);
      expect.soft(normal(nix.firstError())?.replace(/nar\/\w+\.nar\.xz/, "nar/*"), name).toBe(expected);
      if (recording.exitCode === 0)
        expect
          .soft(
            said.filter(({ level }) => level === "error"),
            name,
          )
          .toEqual([]);
    }
  }
});

test("R75: what an evaluation warns of is a warning in each version, and a trace is neither that nor an error", () => {
  for (const version of NIX_VERSIONS) {
    const recordings = recordedNix("evaluate", version);
    const lines = (name: string) => readNix(recordings.get(name) ?? { exitCode: 0, lines: [] }).said;
    expect(lines("warning").map(({ level }) => level)).toEqual(["warning"]);
    expect(lines("trace")).toEqual([{ stream: "nix", text: "trace: the port is 80" }]);
    expect(lines("trace-of-lines").map(({ level }) => level)).toEqual([undefined, undefined, undefined]);
  }
});

test("R71: a full disk is recognised by what each program calls it", () => {
  const full = ["systemd-boot", "grub", "cp", "switch-ng-boot-loader-failed"].map((name) => PLAIN[name] ?? "");
  for (const text of [...full, "npm error code ENOSPC", "note: build failure may have been caused by lack of free disk space"]) {
    expect(saysDiskFull(text)).toBe(true);
  }
  for (const text of ["[Errno 2] No such file or directory", "the disk has room", "Errno 280"])
    expect(saysDiskFull(text)).toBe(false);
});
