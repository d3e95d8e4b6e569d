import {
  Compartment,
  deployedClosure,
  type HostId,
  type HostPolicy,
  type HostRow,
  type HostSettings,
  type Metrics,
  type Platform,
  REFUSALS,
  type RunSummary,
  type SourceId,
  type Status,
  WORST_FIRST,
} from "@nixfleet/protocol";
import { undeclaredSource } from "../sources/index.ts";
import type { Finding, Findings, HostInput, HostReach, TargetInput } from "../status/index.ts";
import { ACTION_ORDER, deniedOps, nextAction, runningCommit } from "../status/index.ts";

export interface RowInput {
  readonly id: HostId;
  readonly name: string;
  readonly platform: Platform;
  readonly sourceId: SourceId | null;
  readonly policy: HostPolicy | null;
  readonly settings: HostSettings | null;
  readonly input: HostInput;
  readonly target: TargetInput;
  readonly findings: Findings;
  readonly reach: HostReach;
  readonly metrics: Metrics | null;
  /** The run that is starting or running; else the first queued one. */
  readonly run: RunSummary | null;
}

/** A host's row in the fleet's table and in its list of hosts that need attention. */
export function hostRow(host: RowInput): HostRow {
  const { input, target, findings, reach, settings, run } = host;
  const { facts } = input;
  const commit = target.state === "known" ? target.commit : null;
  const noTarget = noTargetReason(target);
  const atWork = run !== null && run.state !== "queued";
  const status = atWork ? "working" : rowStatus(findings);
  const next = nextAction(findings, {
    reachability: reach.state,
    policy: host.policy,
    noTarget,
    hasClone: facts.clone?.commit != null,
    run,
  });
  const found = status === "attention" || status === "broken" ? cause(findings, status) : null;
  const runs = runningCommit(input, commit);
  const cloned = facts.clone?.commit ?? null;
  return {
    id: host.id,
    name: host.name,
    sourceId: host.sourceId,
    platform: facts.platform ?? host.platform,
    system: facts.system ?? null,
    tags: settings?.tags ?? [],
    location: settings?.location ?? null,
    deviceType: settings?.deviceType ?? null,
    color: settings?.themeColor ?? null,
    reachability: { state: reach.state, since: reach.since },
    status,
    since: found?.since ?? null,
    cause: found === null ? null : withReach(found, reach, next),
    compartments: Object.fromEntries(Compartment.options.map((name) => [name, findings[name].answer])) as HostRow["compartments"],
    next,
    deniedOps: deniedOps({
      reachability: reach.state,
      policy: host.policy,
      noTarget,
      hasClone: cloned !== null,
      run: atWork ? run : null,
    }),
    runs: { ...runs, generation: runningGeneration(input), specialisation: input.facts.running?.specialisation?.name ?? null },
    specialisations: input.facts.running?.specialisations ?? [],
    relation: (target.state === "known" && cloned !== null ? target.standings.get(cloned)?.relation : undefined) ?? {
      kind: "unknown",
    },
    ...meters(host.metrics),
    cores: facts.cores ?? null,
    run,
    conflict: input.conflict,
  };
}

function noTargetReason(target: TargetInput): string | null {
  switch (target.state) {
    case "known":
      return null;
    case "unknown-source":
      return undeclaredSource(target);
    case "not-configured":
    case "never-read":
      return REFUSALS["target-unknown"].sentence;
  }
}

/** The fields of a row that come from a measurement. Null: not measured; a measured zero is zero (R24). */
export function meters(metrics: Metrics | null): Pick<HostRow, "load" | "memory" | "disk"> {
  const share = ({ used, total }: { used: number; total: number }) => (total > 0 ? Math.min(1, used / total) : null);
  const disks = (metrics?.disks ?? []).map(share).filter((value) => value !== null);
  return {
    load: metrics?.load ?? null,
    memory: metrics?.memory === undefined ? null : share(metrics.memory),
    disk: disks.length === 0 ? null : Math.max(...disks),
  };
}

/**
 * The worst of the five. Yellow answers without a cause do not count: a stale target, which concerns the whole fleet, and a host
 * without tests.
 */
function rowStatus(findings: Findings): Status {
  const counted = Compartment.options.map((name): Status => {
    const { answer, cause: why } = findings[name];
    return answer.status === "attention" && why === null ? "ok" : answer.status;
  });
  return WORST_FIRST.find((status) => counted.includes(status)) ?? "unknown";
}

type Cause = NonNullable<Finding["cause"]>;

function cause(findings: Findings, status: Status): Cause | null {
  const withCause = ACTION_ORDER.filter(
    (name) => findings[name].cause !== null && ["broken", "attention"].includes(findings[name].answer.status),
  );
  const first = withCause.find((name) => findings[name].answer.status === status);
  const found = first === undefined ? null : findings[first].cause;
  if (found === null || first === undefined) return null;
  const others = withCause.filter((name) => name !== first).flatMap((name) => findings[name].note ?? []);
  // The first error line of a failure says more than the other yellow answers.
  const detail =
    status === "broken" && found.detail !== null
      ? found.detail
      : [found.detail, ...others].filter((text) => text !== null).join("; ");
  return { ...found, detail: detail === "" ? null : detail };
}

function withReach({ lead, detail }: Cause, { state }: HostReach, next: HostRow["next"]): NonNullable<HostRow["cause"]> {
  if (state !== "offline") return { lead, detail };
  const waits =
    next?.kind === "start" && next.whenBlocked === "queue" ? `the ${next.op} can be queued until the host is back` : null;
  return { lead: `${lead}, offline`, detail: waits ?? detail };
}

function runningGeneration({ facts }: HostInput): number | null {
  const { running, profile, generations } = facts;
  if (running === undefined) return null;
  if (profile?.generation !== undefined && profile.closure === deployedClosure(running)) return profile.generation;
  return generations?.findLast(({ closure }) => closure === deployedClosure(running))?.number ?? null;
}
