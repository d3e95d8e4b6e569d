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
    sentence: "The config repository did not accept this host's credentials.",
    next: "Check sshKeyFile or gitCredentialsFile on the host: the key needs read access.",
  },
  "host-key-unknown": {
    sentence: "The git server's host key is not the one that is trusted.",
    next: "Check the server's key, then put it into knownHostsFile.",
  },
  "branch-missing": {
    sentence: "The config repository has no such branch.",
    next: "Push the branch, or correct branch in the host's configuration.",
  },
  "commit-missing": {
    sentence: "The config repository does not have this commit any more.",
    next: "Pull again: the branch was probably rewritten.",
  },
  "clone-corrupt": {
    sentence: "The agent's clone is damaged and could not be made anew.",
    next: "Check the disk of the host's state directory, then pull again.",
  },
  "lock-missing": {
    sentence: "The commit has no flake.lock.",
    next: "Run nix flake lock in the config repository, commit the file and push.",
  },
  "git-failed": { sentence: "git failed.", next: "Read git's message in the log." },
  "attribute-missing": {
    sentence: "The flake has no configuration for this host.",
    next: "Add the host to the flake, or set flakeAttr in the host's configuration.",
  },
  "evaluation-failed": {
    sentence: "Nix could not evaluate the configuration.",
    next: "Correct the configuration where the message points, push, and pull again.",
  },
  "build-failed": {
    sentence: "A derivation failed to build.",
    next: "Read the builder's last lines in the log, correct the configuration or try again.",
  },
  "activation-failed": {
    sentence: "The activation reported a failure.",
    next: "Read the activation's messages in the log. The host may be half switched: correct the cause and switch again.",
  },
  "not-confirmed": {
    sentence: "The dashboard did not confirm what was activated within the confirm window.",
    next: "See in the diff what could cut the host off from the dashboard, correct it and switch again.",
  },
  "units-failed": {
    sentence: "Units that worked before failed after the activation.",
    next: "Read the units' messages in the log, correct their configuration and switch again.",
  },
  "health-check-failed": {
    sentence: "A health check of the host failed after the activation.",
    next: "Read the check's answer in the log, correct its cause and switch again.",
  },
  "host-restarted": {
    sentence: "The host went down before the run had ended.",
    next: "Look at what the host runs now, then start the run again.",
  },
  "undo-failed": {
    sentence: "What was activated could not be undone.",
    next: "Look at the host by other means: nixfleet-agent status and undo work without the dashboard.",
  },
  "reboot-failed": {
    sentence: "The host did not go down for the reboot.",
    next: "Read the log: a unit may hold the shutdown, or the host does not let the agent reboot it.",
  },
  "collect-failed": { sentence: "Nix could not collect garbage.", next: "Read Nix's message in the log." },
  "tests-failed": { sentence: "A test of the host failed.", next: "Read the test's output in the log." },
  "disk-full": { sentence: "The host's disk is full.", next: "Free space on the host, then try again." },
  "nix-missing": { sentence: "Nix cannot be run on this host.", next: "Run nixfleet-agent check on the host." },
  "post-check-failed": {
    sentence: "The run ended well by its own account, but its goal is not met.",
    next: "Something else changed the host at the same time. Look at the host's status, then try again.",
  },
  "runner-killed": {
    sentence: "The runner was killed before it could finish.",
    next: "Look at what the host runs now, then start the run again.",
  },
  "state-lost": {
    sentence: "The host no longer knows of this run: its state directory was emptied.",
    next: "Look at what the host runs now.",
  },
  "no-report": {
    sentence: "The host did not report before the deadline.",
    next: "Look at the host: what it runs now is shown as soon as it connects.",
  },
  "deadline-passed": {
    sentence: "The run took longer than its deadline and was stopped.",
    next: "Read where it stood in the log; give the op a longer deadline if it was at work.",
  },
  "cancelled-by-person": { sentence: "The run was cancelled.", next: "Start it again when you want it." },
  "host-removed": {
    sentence: "The host was removed from the dashboard before the run ended.",
    next: "Look at the host itself, or add it again.",
  },
  "restart-not-seen": {
    sentence: "The agent did not come back as a new process.",
    next: "Look at the agent's service on the host.",
  },
  internal: { sentence: "The agent met a fault of its own.", next: "Read the log, and report it with the agent's version." },
} as const satisfies Record<string, Failure>;

export type FailureCode = keyof typeof FAILURES;
export const FailureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]);
