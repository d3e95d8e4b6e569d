import * as z from "zod";

type Refusal = {
  /** What happened, as a sentence for a person. */
  readonly sentence: string;
  /** What the person can do. */
  readonly next: string;
} & (
  | { readonly skippable: false }
  /** `force` skips the check that gives this refusal; `skipped` tells the person who forces the run what happens then. */
  | { readonly skippable: true; readonly skipped: { readonly check: string; readonly effect: string } }
);

/** Every reason for which a run is refused: the closed list that dashboard, agent, page and scripts share. */
export const REFUSALS = {
  "already-current": {
    sentence: "The host already runs what the target builds.",
    next: "Nothing needs to be done. Force the run to do it anyway.",
    skippable: true,
    skipped: { check: "Already current", effect: "The run activates what the host already runs." },
  },
  "host-offline": {
    sentence: "The host is not connected.",
    next: "Queue the run: it starts when the host is back.",
    skippable: false,
  },
  "host-busy": {
    sentence: "Another run is active on this host.",
    next: "Queue this run behind it, or wait until it has ended.",
    skippable: false,
  },
  "queue-full": {
    sentence: "Too many runs are already waiting for this host.",
    next: "Wait until some of them have ended, or cancel those that are no longer needed.",
    skippable: false,
  },
  "refused-by-host": {
    sentence: "The host refused the run, for a reason that this dashboard does not know.",
    next: "Read the host's own words, and update the dashboard.",
    skippable: false,
  },
  "target-unknown": {
    sentence: "The target commit is not known: the config repository has not been read yet.",
    next: "The Fleet page says why. Fix the access to the config repository.",
    skippable: false,
  },
  "commit-not-on-branch": {
    sentence: "The commit is not on the branch that this host follows.",
    next: "Push the commit to that branch, or choose a commit on it.",
    skippable: false,
  },
  "not-fast-forward": {
    sentence: "The commit is not a descendant of the one that was last deployed here.",
    next: "Deploy a newer commit, or set allowRewind in the host's configuration and force the run.",
    skippable: true,
    skipped: {
      check: "Not a fast-forward",
      effect:
        "The run can deploy a commit that does not descend from the last deployed one. The host's configuration must set allowRewind.",
    },
  },
  "unsigned-commit": {
    sentence: "The commit is not signed by a key that this host's configuration trusts.",
    next: "Sign the commit with a trusted key, or add the key to signing in the host's configuration by hand.",
    skippable: false,
  },
  "second-factor-required": {
    sentence: "This operation must be confirmed with a password.",
    next: "Start it from the dashboard and enter your password.",
    skippable: false,
  },
  "disk-too-full": {
    sentence: "There is not enough free disk space on the host.",
    next: "Free space on the host: collect garbage or remove old generations.",
    skippable: false,
  },
  "activation-in-progress": {
    sentence: "Another activation is in progress on this host.",
    next: "Wait until it has ended, then start the run again.",
    skippable: false,
  },
  "system-changed": {
    sentence: "Something else changed what this host runs while the run was being prepared. The run activated nothing.",
    next: "Check on the host's page what it runs now, then start the run again.",
    skippable: false,
  },
  "checks-failed": {
    sentence: "The new configuration's own checks say that it cannot be activated on this host. Nothing was changed.",
    next: "Do what the message says, then start the run again. On macOS, docs/troubleshooting.md shows how to grant the access that it names.",
    skippable: false,
  },
  "closure-changed": {
    sentence: "The commit builds a different closure than the preview showed.",
    next: "Preview again, and switch to the result.",
    skippable: false,
  },
  "agent-missing": {
    sentence: "The new configuration does not contain this agent, so the host would be out of reach.",
    next: "Keep services.nixfleet-agent enabled in the host's configuration, or force the run to remove the agent.",
    skippable: true,
    skipped: { check: "Agent missing", effect: "The run can remove the agent. You cannot reach the host from here afterwards." },
  },
  "would-lock-out": {
    sentence: "The new configuration would take away ways into this host. Nothing was activated.",
    next: "Keep what the message names in the host's configuration and push it. Force the run only if you want to lose it.",
    skippable: true,
    skipped: {
      check: "Ways into the host",
      effect:
        "The run can switch off sshd, remove keys or administrators, close the port of sshd, or change the host's name or the dashboard that its agent connects to.",
    },
  },
  "generation-missing": {
    sentence: "The host does not have this generation, or its closure was garbage-collected.",
    next: "Choose another generation of the host.",
    skippable: false,
  },
  "op-not-allowed-on-host": {
    sentence: "The host's own configuration does not allow this operation.",
    next: "Add it to allowedOps in the host's configuration.",
    skippable: false,
  },
  "op-unknown": {
    sentence: "The agent on this host does not know this operation.",
    next: "Update the agent: pull and switch this host.",
    skippable: false,
  },
  "arguments-invalid": {
    sentence: "The arguments are not valid for this operation.",
    next: "Correct the arguments named in the message.",
    skippable: false,
  },
  "no-clone": {
    sentence: "The host has no clone of the config repository yet.",
    next: "Pull first.",
    skippable: false,
  },
  "queue-expired": {
    sentence: "The run waited too long for its host.",
    next: "Start it again when the host is back.",
    skippable: false,
  },
  "role-too-low": {
    sentence: "Your role does not allow you to start this operation.",
    next: "Ask an administrator.",
    skippable: false,
  },
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;
export const RefusalCode = z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]);

/** The refusals that `force` skips. */
export type SkippableRefusal = {
  [Code in RefusalCode]: (typeof REFUSALS)[Code]["skippable"] extends true ? Code : never;
}[RefusalCode];
