import * as z from "zod";

interface Failure {
  readonly sentence: string;
  readonly next: string;
}

/** Every way in which a run ends other than `succeeded` and `refused`, with the step that helps. */
export const FAILURES = {
  "repo-unreachable": {
    sentence: "The config repository cannot be reached.",
    next: "Check repoUrl and this host's network, then pull again.",
  },
  "auth-failed": {
    sentence: "A git server did not accept this host's credentials.",
    next: "Check sshKeyFile or gitCredentialsFile on the host: they need read access. For an input of the flake, see Private inputs in docs/install.md.",
  },
  "host-key-unknown": {
    sentence: "The git server's host key is not trusted.",
    next: "Check the server's key, then add it to knownHostsFile. For an input on another server, see Private inputs in docs/install.md.",
  },
  "branch-missing": {
    sentence: "The branch does not exist in the config repository.",
    next: "Push the branch, or correct branch in the host's configuration.",
  },
  "commit-missing": {
    sentence: "The commit no longer exists in the config repository.",
    next: "Pull again. The branch was probably rewritten.",
  },
  "clone-corrupt": {
    sentence: "The agent's clone is damaged and could not be recreated.",
    next: "Check the disk of the host's state directory, then pull again.",
  },
  "lock-missing": {
    sentence: "The commit has no flake.lock.",
    next: "Run nix flake lock in the config repository, commit the file and push.",
  },
  "lock-outdated": {
    sentence: "flake.lock does not match flake.nix at this commit: an input is missing from it, or is locked to something else.",
    next: "Run nix flake lock in the config repository, commit flake.lock and push. A host never changes it.",
  },
  "git-failed": {
    sentence: "git failed.",
    next: "Clone repoUrl by hand on the host: git then prints everything that it has to say.",
  },
  "attribute-missing": {
    sentence: "The flake has no configuration for this host.",
    next: "Add the host to the flake, or set flakeAttr in the host's configuration.",
  },
  "evaluation-failed": {
    sentence: "Nix could not evaluate the configuration.",
    next: "Fix the configuration where the message points, push, and pull again.",
  },
  "build-failed": {
    sentence: "A derivation failed to build.",
    next: "Read the builder's last lines in the log, then fix the configuration or try again.",
  },
  "activation-failed": {
    sentence: "The activation failed.",
    next: "Read the activation's messages in the log. The host may be half switched: fix the cause and switch again.",
  },
  "not-confirmed": {
    sentence: "The dashboard did not confirm the activation within the confirm window.",
    next: "Check the diff for a change that cuts the host off from the dashboard, fix it and switch again.",
  },
  "units-failed": {
    sentence: "Units that worked before the activation failed after it.",
    next: "Read the units' messages in the log, fix their configuration and switch again.",
  },
  "health-check-failed": {
    sentence: "A health check of the host failed after the activation.",
    next: "Read the check's output in the log, fix the cause and switch again.",
  },
  "host-restarted": {
    sentence: "The host went down before the run ended.",
    next: "Check what the host runs now, then start the run again.",
  },
  "undo-failed": {
    sentence: "The activation could not be undone: the host may run parts of both systems.",
    next: "Log in to the host: nixfleet-agent status says what it runs, and nixfleet-agent undo tries again. Both work without the dashboard.",
  },
  "reboot-failed": {
    sentence: "The host did not shut down for the reboot.",
    next: "Read the log. A unit may block the shutdown, or the host does not let the agent reboot it.",
  },
  "collect-failed": { sentence: "Nix could not collect garbage.", next: "Read Nix's message in the log." },
  "tests-failed": { sentence: "A test of the host failed.", next: "Read the test's output in the log." },
  "disk-full": {
    sentence: "A disk of the host is full.",
    next: "Free space on the file system that the error names (the store, /boot, /tmp), then try again.",
  },
  "nix-missing": { sentence: "Nix cannot be run on this host.", next: "Run nixfleet-agent check on the host." },
  "post-check-failed": {
    sentence: "The run reported success, but the host is not in the expected state.",
    next: "Something else changed the host at the same time. Check the host's status, then try again.",
  },
  "runner-killed": {
    sentence: "The runner was killed before it could finish.",
    next: "Check what the host runs now, then start the run again.",
  },
  "state-lost": {
    sentence: "The host no longer knows this run: its state directory was emptied.",
    next: "Check what the host runs now.",
  },
  "no-report": {
    sentence: "The host did not report before the deadline.",
    next: "Check the host. Its status is updated as soon as it connects.",
  },
  "deadline-passed": {
    sentence: "The run took longer than its deadline and was stopped.",
    next: "The log shows how far it got. If it was still making progress, set a longer deadline.",
  },
  "cancelled-by-person": { sentence: "The run was cancelled.", next: "Start it again when you want it." },
  "host-removed": {
    sentence: "The host was removed from the dashboard before the run ended.",
    next: "Look at the host itself, or add it again.",
  },
  "restart-not-seen": {
    sentence: "The agent did not restart.",
    next: "Check the agent's service on the host.",
  },
  internal: { sentence: "Internal error.", next: "Read the log, and report it with the agent's version." },
} as const satisfies Record<string, Failure>;

export type FailureCode = keyof typeof FAILURES;
export const FailureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]);
