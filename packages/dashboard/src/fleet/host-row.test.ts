import type { HostId, HostPolicy, HostRow, NextAction, RunId, RunSummary, SourceId } from "@nixfleet/protocol";
import { OpName } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { HostInput, RunsInput } from "../status/compartments/input.ts";
import { compartments } from "../status/compartments.ts";
import { A, at, closure, deployment, host, now, run, runs, target, tested } from "../status/sample-status.fixture.ts";
import { hostRow, type RowInput } from "./host-row.ts";

const SOURCE = "0123456789abcdef" as SourceId;
const policy: HostPolicy = { allowedOps: [...OpName.options], allowRewind: false, signed: false, confirmTimeout: 120 };
const summary = (state: RunSummary["state"]) =>
  ({ id: "01jd00000000000000000000cc" as RunId, state, op: "switch" }) as RunSummary;

const row = (more: Partial<Omit<RowInput, "input" | "findings">> & { input?: HostInput; by?: RunsInput } = {}): HostRow => {
  const { input = host(), target: to = target(), by = runs(), ...rest } = more;
  return hostRow({
    id: "01jd000000000000000000000a" as HostId,
    name: "csb1",
    platform: "nixos",
    sourceId: SOURCE,
    policy,
    settings: null,
    input,
    target: to,
    findings: compartments(input, to, by, now),
    reach: { state: "online", since: now },
    metrics: null,
    run: null,
    ...rest,
  });
};
const offline = { reach: { state: "offline" as const, since: now } };
const behind = host(at(A), { deployments: [deployment(closure("c"), A)] });
const pulled = host({}, { deployments: [deployment(closure("c"), A)] });
const start = (label: string, op: string, more: object = {}) => expect.objectContaining({ kind: "start", label, op, ...more });

interface Case {
  title: string;
  row: HostRow;
  next: unknown;
  cause?: HostRow["cause"];
  status: HostRow["status"];
}
const cases: Case[] = [
  { title: "F13: a host that is current needs nothing", row: row(), next: null, cause: null, status: "ok" },
  {
    title: "F13: a host that is behind is helped by a pull before anything else",
    row: row({ input: behind }),
    next: start("Pull", "pull", { compartment: "git", whenBlocked: "refuse" }),
    cause: { lead: "3 commits behind", detail: null },
    status: "attention",
  },
  {
    title: "F9: F13: an offline host keeps its status, and its pull can wait in the queue",
    row: row({ input: behind, ...offline }),
    next: start("Queue pull", "pull", { whenBlocked: "queue" }),
    cause: { lead: "3 commits behind, offline", detail: "the pull can be queued until the host is back" },
    status: "attention",
  },
  {
    title: "F13: what was pulled is to be switched",
    row: row({ input: pulled }),
    next: start("Switch", "switch", { compartment: "system" }),
    cause: { lead: "Pulled, not switched", detail: "runs aaaaaaa, 3 commits behind" },
    status: "attention",
  },
  {
    title: "F13: a failed switch is retried, and its first error line is the cause's detail",
    row: row({ input: pulled, by: runs({ lastSwitch: run({ state: "failed", firstError: "nginx.service: host not found" }) }) }),
    next: start("Retry", "switch"),
    cause: { lead: "Switch failed", detail: "nginx.service: host not found" },
    status: "broken",
  },
  {
    title: "a failed switch of an older commit is switched again after a pull, not retried",
    row: row({ input: behind, by: runs({ lastSwitch: run({ state: "failed", commit: A, firstError: "no" }) }) }),
    next: start("Pull", "pull"),
    cause: { lead: "Switch failed", detail: "no" },
    status: "broken",
  },
  {
    title: "F13: tests that have not run are run",
    row: row({ by: runs({ lastTest: null }) }),
    next: start("Run tests", "test", { compartment: "tests" }),
    cause: { lead: "Switched, not tested", detail: "12 tests to run" },
    status: "attention",
  },
  {
    title: "a failed test is named",
    row: row({
      by: runs({
        lastTest: {
          ...tested,
          state: "failed",
          tests: [{ script: "T1-dns.sh", outcome: "failed", milliseconds: 1, number: 1, total: 1 }],
        },
      }),
    }),
    next: start("Retry", "test"),
    cause: { lead: "1 test failed", detail: "T1-dns.sh" },
    status: "broken",
  },
  {
    title: "F11: a host without tests is current: nothing on it is to be fixed",
    row: row({ input: host({ tests: { defined: 0 } }), by: runs({ lastTest: null }) }),
    next: null,
    cause: null,
    status: "ok",
  },
  {
    title: "F11: R19: a stale target is nobody's cause but the fleet's, and leaves no host green",
    row: row({ target: target({ stale: true }) }),
    next: null,
    cause: null,
    status: "unknown",
  },
  {
    title: "F11: F13: a run at work is opened",
    row: row({ input: pulled, run: summary("running") }),
    next: expect.objectContaining({ kind: "open-run" }),
    cause: null,
    status: "working",
  },
  {
    title: "F11: F13: a waiting run is opened too, but the host still needs attention",
    row: row({ input: pulled, run: summary("queued") }),
    next: expect.objectContaining({ kind: "open-run" }),
    status: "attention",
  },
  {
    title: "F13: a host that has never connected is helped by nothing from here",
    row: row({
      input: { ...host({}, { deployments: [] }), facts: {} },
      by: runs({ lastTest: null }),
      reach: { state: "never", since: null },
      policy: null,
    }),
    next: null,
    cause: null,
    status: "unknown",
  },
  {
    title: "F13: an op that the host does not allow is not offered",
    row: row({ input: behind, policy: { ...policy, allowedOps: ["switch", "test"] } }),
    next: null,
    status: "attention",
  },
  {
    title: "F12: several yellow answers make one cause, the first one leading",
    row: row({
      input: host(
        {
          ...at(A),
          agent: { version: "1.8.1", revision: "0".repeat(40), startedAt: 1 },
          lock: { hash: "2".repeat(64), inputs: {} },
        },
        { deployments: [deployment(closure("c"), A)] },
      ),
    }),
    next: start("Pull", "pull"),
    cause: { lead: "3 commits behind", detail: "2 lock inputs differ; a newer agent is pinned" },
    status: "attention",
  },
];

test.each(cases)("$title", ({ row: made, next, cause, status }) => {
  expect(made.next).toEqual(next as NextAction | null);
  expect(made.status).toBe(status);
  if (cause !== undefined) expect(made.cause).toEqual(cause);
});

test("R16: a row tells what runs, since when and as which generation, apart from what was pulled", () => {
  const made = row({ input: pulled });

  expect(made.runs).toEqual({ commit: A, since: now - 1500, generation: 287, specialisation: null });
  expect(made.relation).toEqual({ kind: "equal" });
  // What starts at the next boot is not what runs.
  const profile = { closure: closure("d"), generation: 288 };
  const generations = [
    { number: 287, closure: closure("c"), at: now, current: false },
    { number: 288, closure: closure("d"), at: now, current: true },
  ];
  expect(row({ input: host({ profile, generations }) }).runs.generation).toBe(287);
  expect(row({ input: host({ profile }) }).runs.generation).toBeNull();
});

test("F9: R24: a measured zero is zero, and what was not measured is null", () => {
  expect(
    row({ metrics: { at: now, load: 0, memory: { used: 0, total: 8 }, disks: [{ mount: "/", used: 0, total: 4 }] } }),
  ).toMatchObject({ load: 0, memory: 0, disk: 0 });
  expect(row({ metrics: { at: now, cpu: 0.5 } })).toMatchObject({ load: null, memory: null, disk: null });
  expect(
    row({
      metrics: {
        at: now,
        memory: { used: 0, total: 0 },
        disks: [
          { mount: "/a", used: 1, total: 4 },
          { mount: "/b", used: 3, total: 4 },
        ],
      },
    }),
  ).toMatchObject({ memory: null, disk: 0.75 });
});

test("F14: ops that cannot be started say why; what may wait for the host is not denied for its absence", () => {
  expect(row().deniedOps).toEqual({});
  expect(row(offline).deniedOps).toEqual({
    reboot: "The host is not connected.",
    refresh: "The host is not connected.",
    "restart-agent": "The host is not connected.",
  });
  expect(row({ run: summary("running") }).deniedOps).toEqual({
    reboot: "Another run is active on this host.",
    refresh: "Another run is active on this host.",
    "restart-agent": "Another run is active on this host.",
  });
  expect(Object.keys(row({ target: { state: "never-read", problem: null } }).deniedOps)).toEqual(["pull", "preview", "switch"]);
  expect(row({ policy: { ...policy, allowedOps: ["pull"] } }).deniedOps).toMatchObject({
    switch: "The host's own configuration does not allow this operation.",
  });
  expect(row({ input: host(at(null)) }).deniedOps).toEqual({ test: "The host has no clone of the config repository yet." });
});

test("a host of a source that is not declared needs attention, says which and what to do, and is offered no op that goes to a target", () => {
  const other = { state: "unknown-source", repoUrl: "https://git.example.org/me/other.git", branch: "main" } as const;
  const found = row({ target: other });
  expect(found).toMatchObject({
    sourceId: SOURCE,
    status: "attention",
    cause: { lead: "Follows a source that is not declared here", detail: "main of git.example.org/me/other" },
    next: null,
    relation: { kind: "unknown" },
  });
  expect(Object.keys(found.deniedOps)).toEqual(["pull", "preview", "switch"]);
  expect(found.deniedOps.pull).toBe(found.compartments.git.sentence);
});

test("F13: a reboot that is needed is the next action where the host allows it, and where it does not, none is offered", () => {
  const input = host({ reboot: { needed: true, reasons: ["kernel 6.18.2 to 6.18.3"] } });
  expect(row({ input }).next).toMatchObject({ op: "reboot", label: "Reboot", compartment: "system" });
  expect(row({ input })).toMatchObject({ status: "attention", cause: { lead: "Needs a reboot to finish" } });
  const without = { ...policy, allowedOps: policy.allowedOps.filter((op) => op !== "reboot") };
  expect(row({ input, policy: without }).next).toBeNull();
  // It cannot wait for a host that is away.
  expect(row({ input, ...offline }).next).toBeNull();
});

test("F14: R56: a host that takes signed commits only says that it does not go back, unless its configuration lets it", () => {
  expect(row({ policy: { ...policy, signed: true } }).deniedOps).toEqual({
    rollback: "This host accepts signed commits only, and its configuration does not allow going back (allowRewind).",
  });
  expect(row({ policy: { ...policy, signed: true, allowRewind: true } }).deniedOps).toEqual({});
});

test("R56: what a host refuses as unsigned is its cause of attention", () => {
  const refused = run({ op: "pull", state: "refused", code: "unsigned-commit", firstError: "No signature" });
  expect(row({ input: host(at(A)), by: runs({ lastFetch: refused }) })).toMatchObject({
    status: "broken",
    cause: { lead: "The host refuses an unsigned commit", detail: "No signature" },
    next: { op: "pull", label: "Retry", compartment: "git" },
  });
});
