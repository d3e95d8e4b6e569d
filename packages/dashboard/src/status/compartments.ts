import type { Compartment, OpName } from "@nixfleet/protocol";
import { agentFinding } from "./compartments/agent.ts";
import { gitFinding } from "./compartments/git.ts";
import type { Finding, HostInput, RunsInput, TargetInput } from "./compartments/input.ts";
import { lockFinding } from "./compartments/lock.ts";
import { runsCommit } from "./compartments/running.ts";
import { systemFinding } from "./compartments/system.ts";
import { testsFinding } from "./compartments/tests.ts";
import { workingFinding } from "./compartments/wording.ts";

export type Findings = Readonly<Record<Compartment, Finding>>;

/** The compartment that an active run of an op is about to change; null: none. */
const CHANGED_COMPARTMENT = {
  pull: "git",
  preview: null,
  switch: "system",
  rollback: "system",
  reboot: "system",
  test: "tests",
  "restart-agent": "agent",
  "collect-garbage": null,
  refresh: null,
} as const satisfies Record<OpName, Compartment | null>;

/**
 * The five answers about a host, computed from stored facts without asking the host (R21). Words have at most
 * 14 characters. Git comes before Lock before System before Tests: each is green only if the one before it is.
 */
export function compartments(host: HostInput, target: TargetInput, runs: RunsInput, now: number): Findings {
  const runsTarget = target.state === "known" && runsCommit(host, target.commit);
  const git = gitFinding(host, target, runs);
  const lock = lockFinding(host, target, now);
  const cloneAtTarget =
    target.state === "known" && host.facts.clone?.problem === undefined && host.facts.clone?.commit === target.commit;
  // With a stale target Lock is not proven, and System says the same.
  const lockEqual = lock.answer.status === "ok" || (target.state === "known" && target.stale && lock.answer.status === "unknown");
  const system = systemFinding(host, target, runs, { cloneAtTarget, lockEqual }, now);
  const tests = testsFinding(host, runs, system);
  const agent = agentFinding(host, target, runsTarget);
  const findings: Findings = { agent, git, lock, system, tests };
  const { active } = runs;
  if (active === null) return findings;
  const at = CHANGED_COMPARTMENT[active.op];
  // An activation that waits for its confirmation has its own answer.
  if (at === null || findings[at].answer.status === "working") return findings;
  return { ...findings, [at]: workingFinding(active) };
}
