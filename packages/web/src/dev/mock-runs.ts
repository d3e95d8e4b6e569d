import { type HostRow, type PhaseView, REFUSALS, type RunId, type RunSummary, type RunView } from "@nixfleet/protocol";
import { idOf, runSummary, TARGET } from "./host-rows.ts";
import { changesOf, PICTURE_DIFF, storePath } from "./mock-changes.ts";

const MINUTE = 60_000;

const phasesUpTo = (now: number, states: Partial<Record<PhaseView["phase"], PhaseView["state"]>>): PhaseView[] =>
  Object.entries(states).map(([phase, state], index) => ({
    phase: phase as PhaseView["phase"],
    state,
    startedAt: state === "to-come" || state === "skipped" ? null : now - 100_000 + index * 12_000,
    endedAt: state === "done" || state === "failed" ? now - 100_000 + (index + 1) * 12_000 : null,
    estimate: 12_000,
    share: null,
  }));

/** Runs in every state that a page draws in its own way; listed among the runs of each host. */
export function specialRuns(row: HostRow, now: number): RunView[] {
  const base = (number: number, change: Partial<RunSummary>, more: Partial<RunView> = {}): RunView =>
    runView(
      runSummary({
        id: idOf(5000 + number) as RunId,
        number,
        hostId: row.id,
        hostName: row.name,
        createdAt: now - number * MINUTE,
        startedAt: now - number * MINUTE,
        endedAt: now - number * MINUTE + 88_000,
        ...change,
      }),
      more,
    );
  return [
    base(
      1,
      {
        state: "running",
        status: "working",
        word: "Confirm",
        sentence: "Confirming that the host works and still reaches the dashboard.",
        endedAt: null,
        phases: phasesUpTo(now, {
          fetch: "done",
          verify: "done",
          evaluate: "done",
          build: "done",
          diff: "done",
          activate: "done",
          confirm: "current",
        }),
      },
      { armed: { until: now + 92_000, back: storePath(row.name, "a") }, diff: PICTURE_DIFF },
    ),
    base(
      2,
      {
        state: "rolled-back",
        status: "broken",
        word: "rolled back",
        sentence: `The switch to 7f3a91c was undone. The dashboard did not confirm it within 2 minutes. The host is back on the previous system, nixos-system-${row.name}-26.05.`,
        phases: phasesUpTo(now, {
          fetch: "done",
          verify: "done",
          evaluate: "done",
          build: "done",
          diff: "done",
          activate: "done",
          confirm: "failed",
          undo: "done",
        }),
      },
      {
        outcome: {
          code: "not-confirmed",
          sentence: "The dashboard did not confirm the activation within the confirm window.",
          next: "Check the diff for a change that cuts the host off from the dashboard, fix it and switch again.",
          reason: "The dashboard did not confirm it within 2 minutes.",
          firstError: null,
          firstErrorLine: null,
        },
        diff: PICTURE_DIFF,
        retry: { kind: "start", label: "Retry", op: "switch", args: {}, whenBlocked: "queue", compartment: null },
      },
    ),
    base(
      3,
      { op: "preview", title: "Preview 7f3a91c", sentence: "What a switch to 7f3a91c would change is known." },
      {
        outcome: {
          code: null,
          sentence: "What a switch to 7f3a91c would change is known, and nothing was changed.",
          next: null,
          reason: null,
          firstError: null,
          firstErrorLine: null,
        },
        diff: PICTURE_DIFF,
      },
    ),
    base(
      4,
      { op: "preview", title: "Preview generation 288 against generation 287" },
      { args: { generation: 288, against: 287 }, diff: PICTURE_DIFF, preview: changesOf({ ...row, name: "gpc0" }, now).preview },
    ),
    base(
      5,
      {
        op: "test",
        title: "Run tests",
        state: "failed",
        status: "broken",
        word: "failed",
        sentence: "1 of 3 tests failed: T02-serves.sh",
        phases: phasesUpTo(now, { test: "failed" }),
      },
      {
        tests: [
          { script: "T01-answers.sh", outcome: "passed", milliseconds: 820, number: 1, total: 3 },
          { script: "T02-serves.sh", outcome: "failed", milliseconds: 4_120, number: 2, total: 3 },
          { script: "T03-stores.sh", outcome: "passed", milliseconds: 61_000, number: 3, total: 3 },
        ],
        outcome: {
          code: "tests-failed",
          sentence: "A test of the host failed.",
          next: "Read the test's output in the log.",
          reason: "1 of 3 tests failed: T02-serves.sh",
          firstError: "curl: (7) Failed to connect to localhost port 443: Connection refused",
          firstErrorLine: 12,
        },
      },
    ),
    base(
      7,
      {
        state: "refused",
        status: "attention",
        word: "refused",
        sentence: "The running system installs this agent, and what is to be activated does not.",
        phases: phasesUpTo(now, {
          fetch: "done",
          verify: "done",
          evaluate: "done",
          build: "done",
          diff: "done",
          activate: "skipped",
        }),
      },
      {
        outcome: {
          code: "agent-missing",
          sentence: REFUSALS["agent-missing"].sentence,
          next: REFUSALS["agent-missing"].next,
          reason: "The running system installs this agent, and what is to be activated does not.",
          firstError: null,
          firstErrorLine: null,
        },
        retry: { kind: "start", label: "Retry", op: "switch", args: {}, whenBlocked: "queue", compartment: null },
      },
    ),
    base(6, {
      op: "reboot",
      title: "Reboot",
      state: "running",
      status: "working",
      word: "Reboot",
      sentence: "Rebooting the machine.",
      endedAt: null,
      linkLost: true,
      phases: phasesUpTo(now, { reboot: "current" }),
    }),
  ];
}

/** A run with nothing special about it, but for what is said otherwise. */
export function runView(summary: RunSummary, more: Partial<RunView> = {}): RunView {
  return {
    summary,
    args: {},
    force: false,
    commit: TARGET,
    subject: "nginx: raise worker connections on the edge hosts",
    deadlineAt: null,
    command: ["nix", "build", "--no-link", "--print-out-paths", "git+file:///var/lib/nixfleet-runner/repo#hsb1"],
    progress: null,
    diff: null,
    preview: null,
    armed: null,
    tests: [],
    warnings: [],
    outcome: null,
    lateReport: null,
    cancelWarning: null,
    mayCancel: summary.endedAt === null,
    retry: null,
    usualDuration: 320_000,
    log: { lines: 0, bytes: 0, errors: 0, warnings: 0, discarded: false },
    ...more,
  };
}
