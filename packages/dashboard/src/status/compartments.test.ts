import type { Compartment, Deployment, Status } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { HostInput, RunFacts, RunsInput, TargetInput } from "./compartments/input.ts";
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
  runId,
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
    title: "F1: a host that runs the target, tested, is green in all five",
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
    title: "F1: R20: a host that has reported nothing is not known yet, in grey",
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
    title: "F4: R16: what was pulled, what runs and the target are told apart: pulled, not switched",
    host: host({}, { deployments: [deployment(closure("c"), A)] }),
    is: { git: ["ok", "at target"], system: ["attention", "not switched"], tests: ["unknown", "not yet"] },
    says: { system: /^7777777 is pulled, but the host still runs aaaaaaa, 3 commits behind\.$/ },
  },
  {
    title: "F4: R16: a clone behind the target leaves System undecided, though what runs is current for its own commit",
    host: host(at(A), { deployments: [deployment(closure("c"), A)] }),
    is: { git: ["attention", "3 behind"], system: ["unknown", "not yet"], tests: ["unknown", "not yet"] },
    says: { git: /^The clone is at aaaaaaa, 3 commits behind the target, 7777777\.$/ },
  },
  {
    title: "F4: R17: a closure that was not deployed from here is drift, never current, though the clone is at the target",
    host: host({ running: { closure: closure("d") } }),
    is: { git: ["ok", "at target"], system: ["attention", "drift"], tests: ["unknown", "not yet"] },
  },
  {
    title: "R17: drift shows also while the clone is behind",
    host: host({ ...at(A), running: { closure: closure("d") } }),
    is: { git: ["attention", "3 behind"], system: ["attention", "drift"] },
  },
  {
    title: "F4: R17: a system that names the target as its configurationRevision counts as deployed from it",
    host: host({ running: { closure: closure("d"), revision: T }, profile: { closure: closure("d") } }, { deployments: [] }),
    runs: runs({ lastTest: null }),
    is: { system: ["ok", "current"], tests: ["attention", "not run"] },
  },
  {
    title: "F4: R17: a system that names another commit runs another commit",
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
    title: "R17: a specialisation of what was deployed is current and says which, and is no drift",
    host: host({ running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } } }),
    runs: runs({ lastTest: null }),
    is: { system: ["ok", "current"], tests: ["attention", "not run"] },
    says: { system: /^It runs the specialisation gaming of what 7777777 builds\.$/ },
  },
  {
    title: "R17: a specialisation of an older deployment runs that commit",
    host: host(
      { running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } } },
      { deployments: [deployment(closure("c"), A)] },
    ),
    is: { system: ["attention", "not switched"] },
    says: { system: /still runs aaaaaaa, 3 commits behind/ },
  },
  {
    title: "a specialisation of what the next boot does not bring",
    host: host({
      running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } },
      profile: { closure: closure("d") },
    }),
    is: { system: ["attention", "until reboot"] },
    says: { system: /^It runs the specialisation gaming of what 7777777 builds, but another generation/ },
  },
  {
    title: "R17: a specialisation of something else is drift",
    host: host({ running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("d") } } }),
    is: { system: ["attention", "drift"] },
  },
  {
    title: "tests that ran in a specialisation hold while it runs",
    host: host({ running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } } }),
    runs: runs({ lastTest: { ...tested, closureAtEnd: closure("x") } }),
    is: { tests: ["ok", "12 passed"] },
  },
  {
    title: "tests of the configuration itself say nothing of its specialisation",
    host: host({ running: { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } } }),
    is: { tests: ["attention", "not run"] },
  },
  {
    title: "one closure that two commits build is current for both",
    host: host({}, { deployments: [deployment(closure("c"), A), deployment(closure("c"), T, { at: now - 9000 })] }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "F2: R18: a host ahead of the target is ahead, with the count",
    host: host(at(A)),
    target: target(standing({ kind: "ahead", ahead: 2 })),
    is: { git: ["attention", "2 ahead"], system: ["unknown", "not yet"] },
    says: { git: /2 commits ahead of the target, 7777777/ },
  },
  {
    title: "F2: R18: a host that diverged from the target says so, with both counts",
    host: host(at(A)),
    target: target(standing({ kind: "diverged", ahead: 2, behind: 3 })),
    is: { git: ["attention", "diverged"] },
    says: { git: /has 2 commits that the target, 7777777, does not have, and lacks 3/ },
  },
  {
    title: "F2: R18: a commit that the mirror does not have is not called behind",
    host: host(at(X)),
    is: { git: ["attention", "not on branch"] },
  },
  {
    title: "F7: R19: with a stale target nothing is green that rests on it, and nothing turns red",
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
    title: "F7: R19: with a stale target, what is known to be behind is still behind",
    host: host(at(A)),
    target: target({ stale: true }),
    is: { git: ["attention", "3 behind"] },
  },
  {
    title: "F7: a target that was never read leaves Git, Lock, System and Tests unknown, with the reason",
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
    title: "F7: without a config repository the answers say what to set",
    target: { state: "not-configured" },
    is: { git: ["unknown", "no target"] },
    says: { git: /NIXFLEET_REPO_URL/ },
  },
  {
    title: "F2: a host without a clone asks for a pull",
    host: host(at(null)),
    is: { git: ["attention", "no clone"], lock: ["unknown", "not yet"] },
  },
  {
    title: "F2: a clone that cannot fetch is red, with git's message and what to do",
    host: host(at(T, { code: "auth-failed", message: "Permission denied (publickey)", at: now - 60_000 })),
    is: { git: ["broken", "cannot fetch"], system: ["unknown", "not yet"] },
    says: { git: /^Permission denied \(publickey\)\. Check sshKeyFile/ },
  },
  {
    title: "F3: a lock file that differs names its inputs, and how much older they are",
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
    title: "F3: a missing lock file is red where the target has one",
    host: host({ lock: { problem: { code: "lock-missing", message: "There is no flake.lock", at: now } } }),
    is: { lock: ["broken", "missing"], system: ["unknown", "not yet"] },
  },
  {
    title: "F3: a missing lock file is no fault where the target has none",
    host: host({ lock: { problem: { code: "lock-missing", message: "There is no flake.lock", at: now } } }),
    target: target({ lockHash: null, inputs: {} }),
    is: { lock: ["ok", "none"], system: ["ok", "current"] },
  },
  {
    title: "F3: an unreadable lock file is red",
    host: host({ lock: { problem: { code: "git-failed", message: "flake.lock is not JSON", at: now } } }),
    is: { lock: ["broken", "unreadable"] },
    says: { lock: /^flake\.lock is not JSON\. Correct it in the config repository, commit and push\.$/ },
  },
  {
    title: "F3: an unreadable lock file of another commit than the target's is pulled away",
    host: host({
      clone: { commit: A, branch: "main" },
      lock: { problem: { code: "git-failed", message: "flake.lock is not JSON", at: now } },
    }),
    is: { lock: ["broken", "unreadable"] },
    says: { lock: /A pull restores it\.$/ },
  },
  {
    title: "F4: a failed switch is red with the first error line, and the tests have not run",
    host: host({ running: { closure: closure("c"), since: now - 5000 } }, { deployments: [deployment(closure("c"), A)] }),
    runs: runs({
      lastSwitch: run({ state: "failed", phase: "build", firstError: "builder for 'nginx' failed" }),
      lastTest: null,
    }),
    is: { system: ["broken", "failed"], tests: ["unknown", "not run"] },
    says: { system: /^The switch to 7777777 failed in build\. builder for 'nginx' failed\.$/ },
  },
  {
    title: "F4: R37: a switch that was rolled back is red, with its reason, the first error, and what runs now",
    runs: runs({
      lastSwitch: run({
        state: "rolled-back",
        phase: "undo",
        reason: "nginx.service failed after the activation",
        firstError: "nginx: [emerg] no such file",
      }),
    }),
    is: { system: ["broken", "rolled back"] },
    says: {
      system:
        /^The switch to 7777777 was undone\. nginx\.service failed after the activation\. nginx: \[emerg\] no such file\. The host runs generation 287 again\.$/,
    },
  },
  {
    title: "R71: a first error that the reason has told already is not told again",
    runs: runs({
      lastSwitch: run({
        state: "rolled-back",
        phase: "undo",
        reason: "The activation failed: no such file.",
        firstError: "no such file",
      }),
    }),
    is: { system: ["broken", "rolled back"] },
    says: {
      system: /^The switch to 7777777 was undone\. The activation failed: no such file\. The host runs generation 287 again\.$/,
    },
  },
  {
    title: "a switch that was rolled back to what has no generation names the closure that runs",
    host: host({ profile: { closure: closure("d"), generation: 288 } }),
    runs: runs({ lastSwitch: run({ state: "rolled-back", reason: "Nobody confirmed it." }) }),
    is: { system: ["broken", "rolled back"] },
    says: { system: /Nobody confirmed it\. The host runs nixos-system-csb1\.$/ },
  },
  {
    title: "what runs after a rollback is not said twice where the host says it",
    runs: runs({
      lastSwitch: run({ state: "rolled-back", reason: `Nobody confirmed it. The host runs ${closure("c")} again.` }),
    }),
    is: { system: ["broken", "rolled back"] },
    says: { system: /^The switch to 7777777 was undone\. Nobody confirmed it\. The host runs \S+ again\.$/ },
  },
  {
    title: "a switch that was rolled back is over when the target is another by now, which the host runs",
    runs: runs({ lastSwitch: run({ state: "rolled-back", commit: A, reason: "Nobody confirmed it." }) }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "a rollback that failed says which, and can be tried again",
    runs: runs({
      lastSwitch: run({ op: "rollback", args: { generation: 12 }, commit: null, state: "failed", phase: "activate" }),
    }),
    is: { system: ["broken", "failed"] },
    says: { system: /^The rollback to generation 12 failed in activate\./ },
  },
  {
    title: "F4: R17: a preview of the target that gave the very closure that runs makes System green without a switch",
    host: host({}, { deployments: [deployment(closure("c"), A)], previews: [{ commit: T, closure: closure("c") }] }),
    is: { system: ["ok", "current"], tests: ["ok", "12 passed"] },
  },
  {
    title: "F4: R17: also of a host that was deployed by hand, and whose system names no commit",
    host: host({}, { deployments: [], previews: [{ commit: T, closure: closure("c") }] }),
    runs: runs({ lastTest: null }),
    is: { system: ["ok", "current"], tests: ["attention", "not run"] },
  },
  {
    title: "F4: R17: a preview of the target that gave another closure proves nothing about what runs",
    host: host({}, { deployments: [deployment(closure("c"), A)], previews: [{ commit: T, closure: closure("d") }] }),
    is: { system: ["attention", "not switched"] },
  },
  {
    title: "R17: a preview of another commit that gave what runs tells which commit that is, and that it is not the target",
    host: host({}, { deployments: [], previews: [{ commit: A, closure: closure("c") }] }),
    is: { system: ["attention", "not switched"] },
    says: { system: /still runs aaaaaaa, 3 commits behind/ },
  },
  {
    title: "F7: R19: a preview of the target proves nothing while the target is stale",
    host: host({}, { deployments: [], previews: [{ commit: T, closure: closure("c") }] }),
    target: target({ stale: true }),
    is: { system: ["unknown", "not proven"] },
  },
  {
    title: "R34: after a rollback to a generation of no known commit, the host runs another commit than the target",
    host: host({}, { deployments: [deployment(closure("c"), null), deployment(closure("d"), T)] }),
    is: { system: ["attention", "not switched"] },
    says: { system: /still runs another closure/ },
  },
  {
    title: "R17: drift says what runs instead of what, and that a generation was made of it",
    host: host({
      running: { closure: closure("d") },
      generations: [
        { number: 287, at: now - DAY, closure: closure("c"), current: false },
        { number: 288, at: now - 5000, closure: closure("d"), current: true },
      ],
    }),
    is: { system: ["attention", "drift"] },
    says: {
      system:
        /^The host runs nixos-system-csb1 instead of 7777777, the last commit deployed from here: something else switched it to generation 288\. A switch brings it back to the target\.$/,
    },
  },
  {
    title: "R17: drift without a generation lasts until the next boot",
    host: host({
      running: { closure: closure("d") },
      generations: [{ number: 287, at: now, closure: closure("c"), current: true }],
    }),
    is: { system: ["attention", "drift"] },
    says: { system: /without creating a generation, so it lasts until the next boot/ },
  },
  {
    title: "F8: R37: what waits for its confirmation is blue while its run is at work",
    host: host({ deadman: { runId, until: now + 60_000, back: closure("b") } }),
    runs: runs({ active: run({ state: "running", word: "Activate", sentence: "Activating" }) }),
    is: { system: ["working", "confirming"] },
    says: { system: /Otherwise the host goes back to nixos-system-csb1\.$/ },
  },
  {
    title: "R37: what waits for a confirmation though no run is at work is yellow: the host goes back by itself",
    host: host({ deadman: { runId, until: now + 60_000, back: closure("b") } }),
    is: { system: ["attention", "not confirmed"], tests: ["unknown", "not yet"] },
    says: { system: /goes back to nixos-system-csb1 by itself\.$/ },
  },
  {
    title: "R37: another run at work does not confirm it",
    host: host({ deadman: { runId: laterRunId, until: now + 60_000, back: closure("b") } }),
    runs: runs({ active: run({ op: "refresh", state: "running" }) }),
    is: { system: ["attention", "not confirmed"] },
  },
  {
    title: "R37: an undo that is overdue is red, with what works without the dashboard",
    host: host({ deadman: { runId, until: now - 300_000, back: closure("b") } }),
    is: { system: ["broken", "undo overdue"], tests: ["unknown", "not run"] },
    says: { system: /nixfleet-agent status and undo work without the dashboard\.$/ },
  },
  {
    title: "a host whose dead-man switch is not armed has nothing to say of it",
    host: host({ deadman: null }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "F2: R56: a target that the host refuses as unsigned is red, with what to do",
    host: host(at(A)),
    runs: runs({ lastFetch: run({ op: "pull", state: "refused", code: "unsigned-commit", firstError: "No signature" }) }),
    is: { git: ["broken", "unsigned"], system: ["unknown", "not yet"] },
    says: { git: /^The host refuses the target, 7777777: it is not signed .* Sign the commit with a trusted key,/ },
  },
  {
    title: "F2: R56: a newer target may be signed: what was refused before says nothing of it",
    host: host(at(A)),
    runs: runs({ lastFetch: run({ op: "pull", state: "refused", code: "unsigned-commit", commit: X }) }),
    is: { git: ["attention", "3 behind"] },
  },
  {
    title: "F2: another refusal of a pull does not turn Git red",
    runs: runs({ lastFetch: run({ op: "switch", state: "refused", code: "disk-too-full" }) }),
    is: { git: ["ok", "at target"] },
  },
  ...(
    [
      ["would-lock-out", "sshd is switched off.", /The host refused the switch to 7777777\. sshd is switched off\. A preview/],
      ["agent-missing", null, /It would take away ways into the host\. A preview lists what would be lost\.$/],
    ] as const
  ).map(
    ([code, reason, says]): Case => ({
      title: `R83: a target to which the host refuses to switch (${code}) is said until it was looked at`,
      host: host(at(T), { deployments: [deployment(closure("c"), A)] }),
      runs: runs({ lastFetch: run({ op: "switch", state: "refused", code, reason }) }),
      is: { system: ["attention", "refused"] },
      says: { system: says },
    }),
  ),
  ...(
    [
      ["a preview since", run({ op: "preview", state: "succeeded" })],
      ["another target", run({ op: "switch", state: "refused", code: "would-lock-out", commit: X })],
      ["another refusal", run({ op: "switch", state: "refused", code: "disk-too-full" })],
      ["no refusal", run({ op: "switch", state: "cancelled", code: "would-lock-out" })],
    ] as const
  ).map(
    ([why, lastFetch]): Case => ({
      title: `R83: a host is not said to refuse the target: ${why}`,
      host: host(at(T), { deployments: [deployment(closure("c"), A)] }),
      runs: runs({ lastFetch }),
      is: { system: ["attention", "not switched"] },
    }),
  ),
  {
    title: "R83: what was refused and runs by now is not said to be refused",
    host: host(at(T)),
    runs: runs({ lastFetch: run({ op: "switch", state: "refused", code: "would-lock-out" }) }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "F8: a rollback at work turns System blue",
    runs: runs({
      active: run({ op: "rollback", args: { generation: 3 }, state: "running", word: "Activate", sentence: "Activating" }),
    }),
    is: { system: ["working", "Activate"] },
  },
  {
    title: "F8: a preview at work leaves every answer as it is, since it changes nothing",
    runs: runs({ active: run({ op: "preview", state: "running", word: "Build 61 %", sentence: "Building" }) }),
    is: { agent: ["ok", "current"], git: ["ok", "at target"], system: ["ok", "current"] },
  },
  {
    title: "F4: a failure is over when something else was switched after it",
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
    title: "no boot brings what a home's profile names: what runs counts",
    host: host({ platform: "home-manager", profile: { closure: closure("d") } }),
    is: { system: ["ok", "current"] },
  },
  {
    title: "a home does not wait for a boot",
    host: host(
      { platform: "home-manager", profile: { closure: closure("d") } },
      { deployments: [deployment(closure("d"), T), deployment(closure("c"), A)] },
    ),
    is: { system: ["attention", "not switched"] },
  },
  {
    title: "R17: drift of a home without a generation",
    host: host({
      platform: "home-manager",
      running: { closure: closure("d") },
      generations: [{ number: 287, at: now, closure: closure("c"), current: true }],
    }),
    is: { system: ["attention", "drift"] },
    says: { system: /without creating a generation\./ },
  },
  {
    title: "a reboot that is needed to finish is yellow, with the reasons",
    host: host({ reboot: { needed: true, reasons: ["kernel 6.12.58 to 6.12.61"] } }),
    is: { system: ["attention", "reboot needed"] },
    says: { system: /kernel 6\.12\.58 to 6\.12\.61\.$/ },
  },
  {
    title: "F5: tests that have not run since the last switch are yellow",
    host: host({}, { deployments: [deployment(closure("c"), T, { runId: laterRunId })] }),
    is: { tests: ["attention", "not run"] },
  },
  {
    title: "F5: tests of another closure prove nothing",
    runs: runs({ lastTest: { ...tested, closureAtEnd: closure("d") } }),
    is: { tests: ["attention", "not run"] },
  },
  {
    title: "F5: a host without tests says so",
    host: host({ tests: { defined: 0 } }),
    runs: runs({ lastTest: null }),
    is: { tests: ["attention", "no tests"] },
  },
  {
    title: "F5: a failed test is red and named, also while the clone is behind",
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
    title: "F6: R23: an agent newer than the dashboard is not outdated, whatever its version says",
    host: host({ agent: { version: "99.0.0", startedAt: now } }),
    is: { agent: ["ok", "current"] },
  },
  {
    title: "F6: R23: an agent of a newer source than the target pins is not outdated",
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
    title: "F6: R23: an older agent is outdated when the target pins a newer one",
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
    title: "F6: R37: a host that would forget an unconfirmed switch when it reboots needs attention",
    host: host({ ...at(A), undoAtBoot: "lost" }, { deployments: [deployment(closure("c"), A)] }),
    is: { agent: ["attention", "at risk"] },
  },
  {
    title: "F6: a second machine with the same identity is a conflict",
    host: host({}, { conflict: "mon0 at 10.0.0.7 has this token too" }),
    is: { agent: ["broken", "conflict"] },
  },
  {
    title: "F6: an agent of an unsupported protocol is red",
    host: host({}, { unsupported: "It speaks protocol 9" }),
    is: { agent: ["broken", "unsupported"] },
  },
  {
    title: "F6: an agent that is not the installed one has to be restarted",
    host: host({
      agent: { version: "1.8.1", storePath: closure("f"), installedPath: closure("g"), startedAt: now },
    }),
    is: { agent: ["attention", "not restarted"] },
  },
  {
    title: "F8: a run at work turns its compartment blue, and no other",
    host: host({}, { deployments: [deployment(closure("c"), A)] }),
    runs: runs({ active: run({ state: "running", word: "Build 61 %", sentence: "214 of 351 derivations" }) }),
    is: { git: ["ok", "at target"], system: ["working", "Build 61 %"], tests: ["unknown", "not yet"] },
  },
  {
    title: "F3: R50: an input that is named like a part of every object compares like any other",
    host: host({ lock: { hash: hash("2"), inputs: { constructor: { revision: "1" } } } }),
    target: target({ inputs: {} }),
    is: { lock: ["attention", "1 input"] },
    says: { lock: /constructor \(removed in the target\)/ },
  },
];

const otherSource: TargetInput = {
  state: "unknown-source",
  repoUrl: "https://me:hunter2@git.example.org/me/other",
  branch: "main",
};
const follows = "This host follows main of git.example.org/me/other, which this dashboard does not read. Declare it with ";

cases.push(
  {
    title: "a host of a source that is not declared says which and what to do, and that nothing is compared",
    target: otherSource,
    is: {
      agent: ["ok", "current"],
      git: ["attention", "other source"],
      lock: ["unknown", "not compared"],
      system: ["unknown", "not compared"],
      tests: ["unknown", "not compared"],
    },
    says: {
      git: new RegExp(`^${follows}NIXFLEET_REPO_URL`),
      lock: new RegExp(`^Not compared\\. ${follows}`),
      system: new RegExp(`^Not compared\\. ${follows}`),
      tests: /^Proven together with System\. Last: 12 passed\.$/,
    },
  },
  {
    title: "what is deployed from outside on a host of another source is not to be brought to a target",
    host: host({ running: { closure: closure("d") } }),
    target: otherSource,
    is: { git: ["attention", "other source"], system: ["unknown", "not compared"] },
  },
  {
    title: "without a clone a host of another source says the same, since no pull from here would make one",
    host: host({ ...at(null), lock: { problem: { code: "lock-missing", message: "none", at: now } } }),
    target: otherSource,
    is: { git: ["attention", "other source"], lock: ["unknown", "not compared"] },
  },
  {
    title: "a clone that cannot be fetched is red, whatever source it is of",
    host: host(at(A, { code: "repo-unreachable", message: "no route", at: now })),
    target: otherSource,
    is: { git: ["broken", "cannot fetch"] },
  },
  {
    title: "a switch that failed stays red, whatever source it was of",
    target: otherSource,
    runs: runs({ lastSwitch: run({ state: "failed" }) }),
    is: { git: ["attention", "other source"], system: ["broken", "failed"] },
  },
);

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
      undoAtBoot: pick("ready", "lost"),
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
  { state: "unknown-source", repoUrl: "https://me:hunter2@git.example.org/me/other", branch: "main" },
);
const anyRun = fc.record({
  op: pick<RunFacts["op"]>("switch", "test", "pull", "refresh", "restart-agent"),
  state: pick<RunFacts["state"]>("succeeded", "failed", "rolled-back", "cancelled", "timed-out", "lost"),
  phase: pick(null, "build", "activate"),
  tests: pick(passed(0), passed(12)),
});

test("F1: words keep to 14 characters, sentences end, and a green answer rests on green ones, whatever is reported", () => {
  fc.assert(
    fc.property(anyHost, anyTarget, fc.option(anyRun), fc.option(anyRun), fc.boolean(), (of, to, lastSwitch, lastTest, busy) => {
      const found = compartments(
        host({}, { ...(of as unknown as HostInput), name: "csb1" }),
        to,
        {
          lastFetch: null,
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
        expect(answer.sentence).not.toContain("hunter2");
      }
      const green = (key: Compartment) => found[key].answer.status === "ok";
      if (green("system")) expect([green("git"), green("lock")]).toEqual([true, true]);
      if (green("tests")) expect(green("system") || found.system.answer.status === "working").toBe(true);
      if (to.state !== "known" || to.stale)
        expect([green("git"), green("system"), green("tests")]).toEqual([false, false, false]);
      if (to.state === "unknown-source") {
        expect(["attention", "broken"]).toContain(found.git.answer.status);
        // No op from here helps, but where the clone or a switch has failed.
        if (found.git.answer.status !== "broken") expect(found.git.action).toBeNull();
        if (lastSwitch === null) expect(found.system.action).toBeNull();
        expect(found.lock.action).toBeNull();
      }
    }),
    { numRuns: 2000 },
  );
});
