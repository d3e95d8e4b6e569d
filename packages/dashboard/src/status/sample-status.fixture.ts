import type { Commit, Deployment, Facts, RunId, TestResult } from "@nixfleet/protocol";
import type { Standing } from "../sources/index.ts";
import type { HostInput, KnownTarget, RunFacts, RunsInput } from "./compartments/input.ts";

// A host that runs the target and has passed its tests, to be changed by a test in what the test is about.

export const DAY = 86_400_000;
export const now = 1_800_000_000_000;
export const commit = (digit: string): Commit => digit.repeat(40);
export const A = commit("a");
export const T = commit("7");
export const X = commit("e");
export const closure = (letter: string) => `/nix/store/${letter.repeat(32)}-nixos-system-csb1`;
export const hash = (digit: string) => digit.repeat(64);
export const runId = "01jd00000000000000000000aa" as RunId;
export const laterRunId = "01jd00000000000000000000zz" as RunId;

export const deployment = (path: string, of: Commit | null, more: Partial<Deployment> = {}): Deployment => ({
  closure: path,
  commit: of,
  runId,
  at: now - 2000,
  mode: "switch",
  ...more,
});

export const baseFacts: Partial<Facts> = {
  agent: { version: "1.8.2", revision: "b".repeat(40), startedAt: now - DAY },
  clone: { commit: T, branch: "main" },
  lock: {
    hash: hash("1"),
    inputs: {
      nixpkgs: { revision: "n1", lastModified: now - 12 * DAY },
      nixfleet: { revision: "b".repeat(40), lastModified: now - DAY },
    },
  },
  running: { closure: closure("c"), since: now - 1500 },
  profile: { closure: closure("c"), generation: 287 },
  tests: { defined: 12 },
};

export const host = (facts: Partial<Facts> = {}, more: Partial<Omit<HostInput, "facts">> = {}): HostInput => ({
  name: "csb1",
  facts: { ...baseFacts, ...facts },
  deployments: [deployment(closure("c"), T)],
  previews: [],
  conflict: null,
  unsupported: null,
  ...more,
});

export const standings = new Map<Commit, Standing>([
  [T, { relation: { kind: "equal" }, lackingSince: null }],
  [A, { relation: { kind: "behind", behind: 3 }, lackingSince: now - 5 * DAY }],
]);

export const target = (more: Partial<KnownTarget> = {}): KnownTarget => ({
  state: "known",
  commit: T,
  subject: "nginx: raise worker connections",
  lockHash: hash("1"),
  inputs: (baseFacts.lock as { inputs: KnownTarget["inputs"] }).inputs,
  stale: false,
  standings,
  ...more,
});

export const passed = (n: number): TestResult[] =>
  Array.from({ length: n }, (_, i) => ({ script: `T${i + 1}.sh`, outcome: "passed", milliseconds: 10, number: i + 1, total: n }));

export const run = (more: Partial<RunFacts>): RunFacts => ({
  id: runId,
  op: "switch",
  args: {},
  state: "succeeded",
  commit: T,
  endedAt: now - 900,
  phase: "activate",
  code: null,
  reason: null,
  firstError: null,
  closureAtEnd: closure("c"),
  tests: [],
  word: "",
  sentence: "",
  ...more,
});
export const tested = run({
  id: "01jd00000000000000000000bb" as RunId,
  op: "test",
  commit: null,
  phase: "test",
  tests: passed(12),
});
export const runs = (more: Partial<RunsInput> = {}): RunsInput => ({
  active: null,
  lastFetch: null,
  lastSwitch: null,
  lastTest: tested,
  ...more,
});

export const at = (c: Commit | null, problem?: NonNullable<Facts["clone"]>["problem"]) => ({
  clone: { commit: c, branch: "main", ...(problem === undefined ? {} : { problem }) },
});
export const standing = (relation: Standing["relation"]) => ({
  standings: new Map<Commit, Standing>([...standings, [A, { relation, lackingSince: null }]]),
});
