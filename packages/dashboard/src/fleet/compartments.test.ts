import type { Compartment, Deployment, Status } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { HostInput, RunInput, RunsInput, TargetInput } from "./compartments/input.ts";
import { compartments } from "./compartments.ts";
import {
  A,
  at,
  baseFacts,
  closure,
  DAY,
  deployment,
  hash,
  host,
  laterRunId,
  now,
  passed,
  run,
  runs,
  standing,
  T,
  target,
  tested,
  X,
} from "./sample-status.fixture.ts";

interface Case {
  title: string;
  host?: HostInput;
  target?: TargetInput;
  runs?: RunsInput;
  is: Partial<Record<Compartment, [Status, string]>>;
  says?: Partial<Record<Compartment, RegExp>>;
}

const cases: Case[] = [
  {
    title: "a host that runs the target, tested, is green in all five",
    is: {
      agent: ["ok", "current"],
      git: ["ok", "at target"],
      lock: ["ok", "equal"],
      system: ["ok", "current"],
      tests: ["ok", "12 passed"],
    },
    says: {
      lock: /^All 2 inputs equal the target's\. The oldest, nixpkgs, is 12 days old\.$/,
      git: /^The clone is at 7777777, the target\.$/,
    },
  },
  {
    title: "R20: a host that has reported nothing is not known yet, in grey",
    host: { ...host({}, { deployments: [] }), facts: {} },
    runs: runs({ lastTest: null }),
    is: {
      agent: ["unknown", "not yet"],
      git: ["unknown", "not yet"],
      lock: ["unknown", "not yet"],
      system: ["unknown", "not yet"],
      tests: ["unknown", "not yet"],
    },
  },
  {
    title: "a host that has reported and runs nothing yet is to be switched, not unknown",
    host: (({ running: _, ...facts }) => ({ ...host({}, { deployments: [] }), facts }))(host({}).facts),
    is: { git: ["ok", "at target"], system: ["attention", "not switched"], tests: ["unknown", "not yet"] },
  },
  {
    title: "R16: what was pulled, what runs and the target are told apart: pulled, not switched",
    host: host({}, { deployments: [deployment(closure("c"), A)] }),
    is: { git: ["ok", "at target"], system: ["attention", "not switched"], tests: ["unknown", "not yet"] },
    says: { system: /^7777777 is pulled, but the host still runs aaaaaaa, 3 commits behind\.$/ },
  },
  {
    title: "R16: a clone behind the target leaves System undecided, though what runs is current for its own commit",
    host: host(at(A), { deployments: [deployment(closure("c"), A)] }),
    is: { git: ["attention", "3 behind"], system: ["unknown", "not yet"], tests: ["unknown", "not yet"] },
    says: { git: /^The clone is at aaaaaaa, 3 commits behind the target, 7777777\.$/ },
  },
  {
    title: "R17: a closure that was not deployed from here is drift, never current, though the clone is at the target",
    host: host({ running: { closure: closure("d") } }),
    is: { git: ["ok", "at target"], system: ["attention", "drift"], tests: ["unknown", "not yet"] },
  },
  {
    title: "R17: drift shows also while the clone is behind",
    host: host({ ...at(A), running: { closure: closure("d") } }),
    is: { git: ["attention", "3 behind"], system: ["attention", "drift"] },
  },
  {
    title: "R17: a system that names the target as its configurationRevision counts as deployed from it",
    host: host({ running: { closure: closure("d"), revision: T }, profile: { closure: closure("d") } }, { deployments: [] }),
    runs: runs({ lastTest: null }),
    is: { system: ["ok", "current"], tests: ["attention", "not run"] },
  },
  {
    title: "R17: a system that names another commit runs another commit",
    host: host({ running: { closure: closure("d"), revision: A }, profile: { closure: closure("d") } }),
    is: { system: ["attention", "not switched"] },
  },
  {
    title: "a system that names nothing, on a host that was never deployed to, was deployed outside",
    host: host({}, { deployments: [] }),
    is: { system: ["attention", "from outside"] },
    says: { system: /outside NixFleet/ },
  },
  {
    title: "one closure that two commits build is current for both",
    host: host({}, { deployments: [deployment(closure("c"), A), deployment(closure("c"), T, { at: now - 9000 })] }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "R18: a host ahead of the target is ahead, with the count",
    host: host(at(A)),
    target: target(standing({ kind: "ahead", ahead: 2 })),
    is: { git: ["attention", "2 ahead"], system: ["unknown", "not yet"] },
    says: { git: /2 commits ahead of the target, 7777777/ },
  },
  {
    title: "R18: a host that diverged from the target says so, with both counts",
    host: host(at(A)),
    target: target(standing({ kind: "diverged", ahead: 2, behind: 3 })),
    is: { git: ["attention", "diverged"] },
    says: { git: /has 2 commits that the target, 7777777, does not have, and lacks 3/ },
  },
  {
    title: "R18: a commit that the mirror does not have is not called behind",
    host: host(at(X)),
    is: { git: ["attention", "not on branch"] },
  },
  {
    title: "R19: with a stale target nothing is green that rests on it, and nothing turns red",
    target: target({ stale: true }),
    is: {
      agent: ["ok", "current"],
      git: ["attention", "target stale"],
      lock: ["unknown", "not proven"],
      system: ["unknown", "not proven"],
      tests: ["unknown", "not proven"],
    },
  },
  {
    title: "R19: with a stale target, what is known to be behind is still behind",
    host: host(at(A)),
    target: target({ stale: true }),
    is: { git: ["attention", "3 behind"] },
  },
  {
    title: "a target that was never read leaves Git, Lock, System and Tests unknown, with the reason",
    target: { state: "never-read", problem: "The repository cannot be reached" },
    is: {
      agent: ["ok", "current"],
      git: ["unknown", "no target"],
      lock: ["unknown", "no target"],
      system: ["unknown", "no target"],
      tests: ["unknown", "not yet"],
    },
    says: { git: /The repository cannot be reached\.$/ },
  },
  {
    title: "without a config repository the answers say what to set",
    target: { state: "not-configured" },
    is: { git: ["unknown", "no target"] },
    says: { git: /NIXFLEET_REPO_URL/ },
  },
  {
    title: "a host without a clone asks for a pull",
    host: host(at(null)),
    is: { git: ["attention", "no clone"], lock: ["unknown", "not yet"] },
  },
  {
    title: "a clone that cannot fetch is red, with git's message and what to do",
    host: host(at(T, { code: "auth-failed", message: "Permission denied (publickey)", at: now - 60_000 })),
    is: { git: ["broken", "cannot fetch"], system: ["unknown", "not yet"] },
    says: { git: /^Permission denied \(publickey\)\. Check sshKeyFile/ },
  },
  {
    title: "a lock file that differs names its inputs, and how much older they are",
    host: host({
      lock: {
        hash: hash("2"),
        inputs: {
          nixpkgs: { revision: "n0", lastModified: now - 24 * DAY },
          nixfleet: { revision: "b".repeat(40), lastModified: now - DAY },
        },
      },
    }),
    is: { lock: ["attention", "1 input"], system: ["unknown", "not yet"] },
    says: { lock: /^nixpkgs \(12 days older\) differs from the target's\.$/ },
  },
  {
    title: "a missing lock file is red where the target has one",
    host: host({ lock: { problem: { code: "lock-missing", message: "There is no flake.lock", at: now } } }),
    is: { lock: ["broken", "missing"], system: ["unknown", "not yet"] },
  },
  {
    title: "a missing lock file is no fault where the target has none",
    host: host({ lock: { problem: { code: "lock-missing", message: "There is no flake.lock", at: now } } }),
    target: target({ lockHash: null, inputs: {} }),
    is: { lock: ["ok", "none"], system: ["ok", "current"] },
  },
  {
    title: "an unreadable lock file is red",
    host: host({ lock: { problem: { code: "git-failed", message: "flake.lock is not JSON", at: now } } }),
    is: { lock: ["broken", "unreadable"] },
  },
  {
    title: "a failed switch is red with the first error line, and the tests have not run",
    host: host({ running: { closure: closure("c"), since: now - 5000 } }, { deployments: [deployment(closure("c"), A)] }),
    runs: runs({
      lastSwitch: run({ state: "failed", phase: "build", firstError: "builder for 'nginx' failed" }),
      lastTest: null,
    }),
    is: { system: ["broken", "failed"], tests: ["unknown", "not run"] },
    says: { system: /^The switch to 7777777 failed in build\. builder for 'nginx' failed\.$/ },
  },
  {
    title: "a switch that was rolled back is red and says so",
    runs: runs({ lastSwitch: run({ state: "rolled-back" }) }),
    is: { system: ["broken", "rolled back"] },
    says: { system: /rolled back to generation 287/ },
  },
  {
    title: "a failure is over when something else was switched after it",
    runs: runs({ lastSwitch: run({ state: "failed", closureAtEnd: closure("d") }), lastTest: null }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "R2: a lost switch is not called failed; what runs decides",
    runs: runs({ lastSwitch: run({ state: "lost", closureAtEnd: null }) }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "R2: a lost switch whose outcome cannot be seen is yellow",
    host: host({}, { deployments: [deployment(closure("c"), A)] }),
    runs: runs({ lastSwitch: run({ state: "lost" }) }),
    is: { system: ["attention", "outcome lost"] },
  },
  {
    title: "a switch that was cancelled before it activated leaves nothing to mend",
    runs: runs({ lastSwitch: run({ state: "cancelled", phase: "build" }) }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "a switch that was cancelled while it activated may be half done",
    runs: runs({ lastSwitch: run({ state: "cancelled", phase: "activate" }) }),
    is: { system: ["attention", "half switched"] },
  },
  {
    title: "a switch for the next boot waits for it",
    host: host(
      { profile: { closure: closure("d") } },
      { deployments: [deployment(closure("d"), T, { mode: "boot" }), deployment(closure("c"), A)] },
    ),
    is: { system: ["attention", "reboot needed"] },
    says: { system: /installed for the next boot/ },
  },
  {
    title: "a system that runs until the next boot only says so",
    host: host({ profile: { closure: closure("d") } }),
    is: { system: ["attention", "until reboot"] },
  },
  {
    title: "a reboot that is needed to finish is yellow, with the reasons",
    host: host({ reboot: { needed: true, reasons: ["kernel 6.12.58 to 6.12.61"] } }),
    is: { system: ["attention", "reboot needed"] },
    says: { system: /kernel 6\.12\.58 to 6\.12\.61\.$/ },
  },
  {
    title: "tests that have not run since the last switch are yellow",
    host: host({}, { deployments: [deployment(closure("c"), T, { runId: laterRunId })] }),
    is: { tests: ["attention", "not run"] },
  },
  {
    title: "tests of another closure prove nothing",
    runs: runs({ lastTest: { ...tested, closureAtEnd: closure("d") } }),
    is: { tests: ["attention", "not run"] },
  },
  {
    title: "a host without tests says so",
    host: host({ tests: { defined: 0 } }),
    runs: runs({ lastTest: null }),
    is: { tests: ["attention", "no tests"] },
  },
  {
    title: "a failed test is red and named, also while the clone is behind",
    host: host(at(A)),
    runs: runs({
      lastTest: {
        ...tested,
        state: "failed",
        tests: [...passed(2), { script: "T3-dns.sh", outcome: "failed", milliseconds: 5, number: 3, total: 3 }],
      },
    }),
    is: { tests: ["broken", "1 failed"], system: ["unknown", "not yet"] },
    says: { tests: /^T3-dns\.sh failed, 2 passed\.$/ },
  },
  {
    title: "R23: an agent newer than the dashboard is not outdated, whatever its version says",
    host: host({ agent: { version: "99.0.0", startedAt: now } }),
    is: { agent: ["ok", "current"] },
  },
  {
    title: "R23: an agent of a newer source than the target pins is not outdated",
    host: host(
      {
        ...at(A),
        agent: { version: "2.0.0", revision: "f".repeat(40), startedAt: now },
        lock: { hash: hash("2"), inputs: { nixfleet: { revision: "f".repeat(40), lastModified: now } } },
      },
      { deployments: [deployment(closure("c"), A)] },
    ),
    is: { agent: ["ok", "current"] },
  },
  {
    title: "R23: an older agent is outdated when the target pins a newer one",
    host: host(
      {
        ...at(A),
        agent: { version: "1.8.1", revision: "0".repeat(40), startedAt: now },
        lock: { hash: hash("2"), inputs: { nixfleet: { revision: "0".repeat(40), lastModified: now - 9 * DAY } } },
      },
      { deployments: [deployment(closure("c"), A)] },
    ),
    is: { agent: ["attention", "outdated"] },
  },
  {
    title: "a second machine with the same identity is a conflict",
    host: host({}, { conflict: "mon0 at 10.0.0.7 has this token too" }),
    is: { agent: ["broken", "conflict"] },
  },
  {
    title: "an agent of an unsupported protocol is red",
    host: host({}, { unsupported: "It speaks protocol 9" }),
    is: { agent: ["broken", "unsupported"] },
  },
  {
    title: "an agent that is not the installed one has to be restarted",
    host: host({
      agent: { version: "1.8.1", storePath: closure("f"), installedPath: closure("g"), startedAt: now },
    }),
    is: { agent: ["attention", "not restarted"] },
  },
  {
    title: "a run at work turns its compartment blue, and no other",
    host: host({}, { deployments: [deployment(closure("c"), A)] }),
    runs: runs({ active: run({ state: "running", word: "Build 61 %", sentence: "214 of 351 derivations" }) }),
    is: { git: ["ok", "at target"], system: ["working", "Build 61 %"], tests: ["unknown", "not yet"] },
  },
  {
    title: "R50: an input that is named like a part of every object compares like any other",
    host: host({ lock: { hash: hash("2"), inputs: { constructor: { revision: "1" } } } }),
    target: target({ inputs: {} }),
    is: { lock: ["attention", "1 input"] },
    says: { lock: /constructor \(gone in the target\)/ },
  },
];

test.each(cases)("$title", ({ host: of = host(), target: to = target(), runs: by = runs(), is, says = {} }) => {
  const found = compartments(of, to, by, now);

  const answers = Object.fromEntries(
    Object.keys(is).map((key) => [key, [found[key as Compartment].answer.status, found[key as Compartment].answer.word]]),
  );
  expect(answers).toEqual(is);
  for (const [key, pattern] of Object.entries(says)) expect(found[key as Compartment].answer.sentence).toMatch(pattern);
});

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const anyHost = fc.record({
  facts: fc.record(
    {
      agent: pick(baseFacts.agent, { version: "1", storePath: closure("a"), installedPath: closure("b"), startedAt: 1 }),
      clone: pick<unknown>(
        at(T).clone,
        at(A).clone,
        at(X).clone,
        at(null).clone,
        at(T, { code: "repo-unreachable", message: "no route", at: now }).clone,
      ),
      lock: pick<unknown>(
        baseFacts.lock,
        { hash: hash("2"), inputs: {} },
        { problem: { code: "lock-missing", message: "none", at: now } },
      ),
      running: pick(baseFacts.running, { closure: closure("d") }, { closure: closure("d"), revision: T }),
      profile: pick(baseFacts.profile, { closure: closure("d") }),
      reboot: pick({ needed: true, reasons: [] }, { needed: false, reasons: [] }),
      tests: pick({ defined: 0 }, { defined: 3 }),
    },
    { requiredKeys: [] },
  ),
  deployments: pick<Deployment[]>([], [deployment(closure("c"), T)], [deployment(closure("d"), A), deployment(closure("c"), A)]),
  conflict: pick(null, "another one"),
});
const anyTarget = pick<TargetInput>(
  target(),
  target({ stale: true }),
  target(standing({ kind: "behind", behind: 1_234_567 })),
  { state: "not-configured" },
  { state: "never-read", problem: null },
);
const anyRun = fc.record({
  op: pick<RunInput["op"]>("switch", "test", "pull", "refresh", "restart-agent"),
  state: pick<RunInput["state"]>("succeeded", "failed", "rolled-back", "cancelled", "timed-out", "lost"),
  phase: pick(null, "build", "activate"),
  tests: pick(passed(0), passed(12)),
});

test("words keep to 14 characters, sentences end, and a green answer rests on green ones, whatever is reported", () => {
  fc.assert(
    fc.property(anyHost, anyTarget, fc.option(anyRun), fc.option(anyRun), fc.boolean(), (of, to, lastSwitch, lastTest, busy) => {
      const found = compartments(
        host({}, { ...(of as unknown as HostInput), name: "csb1" }),
        to,
        {
          active: busy ? run({ state: "running", word: "A word that is too long", sentence: "At work" }) : null,
          lastSwitch: lastSwitch === null ? null : run(lastSwitch),
          lastTest: lastTest === null ? null : run({ ...lastTest, op: "test" }),
        },
        now,
      );

      for (const { answer } of Object.values(found)) {
        expect(answer.word.length).toBeGreaterThan(0);
        expect(answer.word.length).toBeLessThanOrEqual(14);
        expect(answer.sentence).toMatch(/[.!?…]$/);
      }
      const green = (key: Compartment) => found[key].answer.status === "ok";
      if (green("system")) expect([green("git"), green("lock")]).toEqual([true, true]);
      if (green("tests")) expect(green("system") || found.system.answer.status === "working").toBe(true);
      if (to.state !== "known" || to.stale)
        expect([green("git"), green("system"), green("tests")]).toEqual([false, false, false]);
    }),
    { numRuns: 2000 },
  );
});
