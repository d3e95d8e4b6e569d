import { type ClosureDiff, type Facts, type Generation, OpName } from "@nixfleet/protocol";
import {
  activated,
  factsAfterReboot,
  guarded,
  type LockOut,
  NOTHING_TAKEN_AWAY,
  nextSpecialisation,
  type Pace,
  type PlannedActivation,
} from "./activation.ts";
import { type Behaviour, type Script, type Step, simulatedClosure } from "./script.ts";

const PACKAGES = ["linux", "systemd", "openssh", "nginx", "postgresql", "grafana", "curl", "git"] as const;
const DAY = 24 * 60 * 60_000;

export interface HealthyHostOptions {
  /** How many times slower than at once; at 1 a switch takes some ten seconds. */
  pace?: number;
  at?: () => number;
  /** What the next activation takes away of the ways into a host, by its name. Default nothing. */
  lockOut?: (host: string) => LockOut | undefined;
}

/** A host that does what it is told. Its closures have the specialisations that its running one has. */
export function createHealthyHost({
  pace = 1,
  at = () => Date.now(),
  lockOut = () => undefined,
}: HealthyHostOptions = {}): Behaviour {
  const timing: Pace = { ms: (milliseconds) => milliseconds * pace, at };
  const { ms } = timing;
  return (start, { name, facts }): Script => {
    const commit = start.commit ?? facts.clone?.commit ?? "0".repeat(40);
    const fetched: Step = { do: "facts", facts: { clone: { commit, branch: "main", fetchedAt: at() } } };
    const op = OpName.safeParse(start.op);
    if (!op.success) return { refuse: "op-unknown", reason: `This agent does not know the op ${start.op}.` };
    switch (op.data) {
      case "pull":
        return [
          { do: "phase", phase: "fetch" },
          { do: "log", lines: 4, perSecond: pace === 0 ? Number.POSITIVE_INFINITY : 8 / pace, stream: "git" },
          fetched,
        ];
      case "preview": {
        const { generation, against } = start.args as { generation?: number; against?: number };
        const closure = generation === undefined ? simulatedClosure(commit, name) : closureOf(facts, generation);
        const from = against === undefined ? (facts.running?.closure ?? null) : closureOf(facts, against);
        if (closure === null) return missing;
        const looked = generation === undefined ? commit : (find(facts, generation)?.commit ?? null);
        const running = facts.running?.specialisation?.name ?? null;
        const next = nextSpecialisation(facts, undefined) ?? null;
        return [
          ...(generation === undefined ? built(closure, timing) : []),
          { do: "phase", phase: "diff" },
          { do: "event", event: { kind: "diff", diff: diffOf(from, closure) } },
          {
            do: "event",
            event: {
              kind: "preview",
              preview: {
                commit: looked,
                closure,
                against: from,
                units:
                  from === closure
                    ? { stop: [], start: [], restart: [], reload: [] }
                    : { stop: [], start: [], restart: ["nginx.service"], reload: ["dbus.service"] },
                reboot: { needed: false, reasons: [] },
                agent: "same",
                ...(running !== null && { specialisation: { running, next } }),
                ...(against === undefined && { lockOut: (from === closure ? undefined : lockOut(name)) ?? NOTHING_TAKEN_AWAY }),
              },
            },
          },
        ];
      }
      case "switch": {
        const closure = simulatedClosure(commit, name);
        const {
          mode = "switch",
          closure: asked,
          specialisation,
        } = start.args as { mode?: PlannedActivation["mode"]; closure?: string; specialisation?: string | null };
        const special = mode === "boot" ? undefined : nextSpecialisation(facts, specialisation);
        if (typeof specialisation === "string" && special === undefined) {
          return { refuse: "arguments-invalid", reason: `There is no specialisation ${specialisation}.` };
        }
        if (asked !== undefined && asked !== closure) {
          return { refuse: "closure-changed", reason: `The commit builds ${closure}.` };
        }
        const generation = (facts.profile?.generation ?? 0) + (mode === "test" ? 0 : 1);
        const added = { number: generation, at: at(), closure, commit, current: true };
        const generations = mode === "test" ? facts.generations : [added, ...others(facts)];
        return [
          ...built(closure, timing, fetched),
          { do: "phase", phase: "diff" },
          { do: "event", event: { kind: "diff", diff: diffOf(facts.running?.closure ?? null, closure) } },
          ...guarded(
            start,
            lockOut(name),
            activated(start, facts, { closure, commit, mode, generation, generations, special }, timing),
          ),
        ];
      }
      case "rollback": {
        const { generation } = start.args as { generation: number };
        const closure = closureOf(facts, generation);
        if (closure === null) return missing;
        const generations = facts.generations?.map((known) => ({ ...known, current: known.number === generation }));
        return [
          { do: "phase", phase: "diff" },
          { do: "event", event: { kind: "diff", diff: diffOf(facts.running?.closure ?? null, closure) } },
          ...activated(
            start,
            facts,
            {
              closure,
              commit: find(facts, generation)?.commit ?? null,
              mode: "switch",
              generation,
              generations,
              special: nextSpecialisation(facts, undefined),
            },
            timing,
          ),
        ];
      }
      case "test": {
        const total = facts.tests?.defined ?? 2;
        const results = Array.from({ length: total }, (_, place) => [
          { do: "wait", ms: ms(800) } as const,
          {
            do: "event",
            event: {
              kind: "testResult",
              result: { script: `T0${place + 1}.sh`, outcome: "passed", milliseconds: 800, number: place + 1, total },
            },
          } as const,
        ]);
        return [{ do: "phase", phase: "test" }, ...results.flat()];
      }
      case "reboot":
        return [
          { do: "phase", phase: "reboot" },
          { do: "reboot", forMs: ms(3000) },
          { do: "facts", facts: factsAfterReboot(facts) },
        ];
      case "collect-garbage": {
        const { keepDays } = start.args as { keepDays: number };
        const kept = facts.generations?.filter((known) => known.current || at() - known.at < keepDays * DAY);
        return [
          { do: "phase", phase: "collect" },
          { do: "wait", ms: ms(1500) },
          ...(kept === undefined ? [] : [{ do: "facts", facts: { generations: kept } } as const]),
          { do: "finish", outcome: { state: "succeeded", reason: "2.1 GiB are free that were not before." } },
        ];
      }
      case "refresh":
        return [
          { do: "phase", phase: "refresh" },
          { do: "wait", ms: ms(300) },
        ];
      case "restart-agent":
        return [
          { do: "phase", phase: "restart" },
          { do: "dropLink", forMs: ms(1000) },
          { do: "wait", ms: ms(1200) },
        ];
    }
  };
}

const missing = { refuse: "generation-missing", reason: "There is no such generation." } as const;

const find = (facts: Partial<Facts>, generation: number): Generation | undefined =>
  facts.generations?.find(({ number }) => number === generation);
const closureOf = (facts: Partial<Facts>, generation: number) => find(facts, generation)?.closure ?? null;

const others = (facts: Partial<Facts>) => (facts.generations ?? []).map((older) => ({ ...older, current: false }));

function built(closure: string, { ms }: Pace, ...whenFetched: Step[]): Step[] {
  return [
    { do: "phase", phase: "fetch" },
    { do: "wait", ms: ms(500) },
    ...whenFetched,
    { do: "phase", phase: "verify" },
    { do: "phase", phase: "evaluate" },
    { do: "wait", ms: ms(1500) },
    { do: "phase", phase: "build" },
    { do: "event", event: { kind: "command", argv: ["nix-store", "--realise", closure] } },
    { do: "build", packages: PACKAGES, each: ms(700) },
  ];
}

function diffOf(from: string | null, to: string): ClosureDiff {
  const size = 2_400_000_000;
  if (from === to) return { from, to, added: [], removed: [], changed: [], sizeBefore: size, sizeAfter: size };
  return {
    from,
    to,
    added: [{ name: "ripgrep", versions: ["15.1.0"], size: 6_400_000 }],
    removed: [],
    changed: [{ name: "nginx", from: ["1.28.0"], to: ["1.28.1"], sizeBefore: 12_000_000, sizeAfter: 12_100_000 }],
    sizeBefore: from === null ? null : size,
    sizeAfter: size + 6_500_000,
  };
}
