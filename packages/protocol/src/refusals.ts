import * as z from "zod";

interface Refusal {
  /** What happened, as a sentence for a person. */
  readonly sentence: string;
  /** What the person can do. */
  readonly next: string;
  /** `force` skips the check that gives this refusal. */
  readonly skippable: boolean;
}

/** Every reason for which a run is refused: the closed list that dashboard, agent, page and scripts share. */
export const REFUSALS = {
  "already-current": {
    sentence: "The host already runs what the target builds.",
    next: "Nothing is to be done. Force the run to do it all the same.",
    skippable: true,
  },
  "host-offline": {
    sentence: "The host is not connected.",
    next: "Queue the run, so that it starts when the host comes back.",
    skippable: false,
  },
  "host-busy": {
    sentence: "Another run is active on this host.",
    next: "Queue this run behind it, or wait for its end.",
    skippable: false,
  },
  "target-unknown": {
    sentence: "The target commit is not known, since the config repository could not be read yet.",
    next: "See why on the Fleet page, and mend the access to the config repository.",
    skippable: false,
  },
  "commit-not-on-branch": {
    sentence: "The commit is not on the branch that this host follows.",
    next: "Push the commit to that branch, or choose one that is on it.",
    skippable: false,
  },
  "not-fast-forward": {
    sentence: "The commit is not a descendant of what was last deployed here.",
    next: "Deploy a newer commit, or set allowRewind in the host's configuration and force the run.",
    skippable: true,
  },
  "op-not-allowed-on-host": {
    sentence: "The host's own configuration does not allow this op.",
    next: "Add the op to allowedOps in the host's configuration.",
    skippable: false,
  },
  "op-unknown": {
    sentence: "The agent on this host does not know this op.",
    next: "Update the agent: pull and switch this host.",
    skippable: false,
  },
  "arguments-invalid": {
    sentence: "The arguments do not fit this op.",
    next: "Correct them as the message says.",
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
    sentence: "Your role may not start this op.",
    next: "Ask an administrator.",
    skippable: false,
  },
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;
export const RefusalCode = z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]);
