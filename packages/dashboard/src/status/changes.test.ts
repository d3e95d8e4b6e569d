import type { ChangesView, ClosureDiff, NextAction, Preview, RunId, RunSummary } from "@nixfleet/protocol";
import { REFUSALS } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { type ChangesInput, changes } from "./changes.ts";
import { A, closure, runId, T } from "./sample-status.fixture.ts";

const preview = (more: Partial<Preview> = {}): Preview => ({
  commit: T,
  closure: closure("d"),
  against: closure("c"),
  units: { stop: [], start: [], restart: [], reload: [] },
  reboot: { needed: false, reasons: [] },
  agent: "same",
  ...more,
});
const diff = (more: Partial<ClosureDiff> = {}): ClosureDiff => ({
  from: closure("c"),
  to: closure("d"),
  added: [],
  removed: [],
  changed: [],
  sizeBefore: 1000,
  sizeAfter: 1000,
  ...more,
});
const shown = (more: Partial<Preview> = {}, of: ClosureDiff | null = diff()) => ({ preview: preview(more), diff: of });
const row = (more: Partial<ChangesInput["row"]> = {}): ChangesInput["row"] => ({
  run: null,
  deniedOps: {},
  reachability: { state: "online" },
  ...more,
});
const atWork = (op: RunSummary["op"]) => ({ id: runId, op, state: "running" }) as RunSummary;
const packages = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `p${i}`, versions: ["1"] }));

interface Case {
  title: string;
  of?: Partial<ChangesInput>;
  standing: ChangesView["standing"];
  says: RegExp;
  /** "op label whenBlocked", "open <run>", or null. */
  does: string | null;
  /** The same of what only force starts. Default null. */
  forces?: string | null;
}

const lockedOut = shown({ lockOut: { risks: ["sshd is switched off."], unclear: [] } });

const cases: Case[] = [
  {
    title: "without a preview one is offered",
    of: { lastPreview: null },
    standing: "none",
    says: /^No preview yet\./,
    does: "preview Preview refuse",
  },
  {
    title: "while the first preview is at work, that is what is opened",
    of: { lastPreview: null, row: row({ run: atWork("preview") }) },
    standing: "none",
    says: /^The first preview of this host is running\.$/,
    does: `open ${runId}`,
  },
  {
    title: "of the target, against what runs: a switch to exactly this",
    standing: "fresh",
    says: /^A switch to 7777777 changes no package version and touches no unit\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "it counts packages and units, and tells of a reboot",
    of: {
      lastPreview: shown(
        {
          units: { stop: ["a.service"], start: [], restart: ["nginx.service", "b.service"], reload: [] },
          reboot: { needed: true, reasons: ["kernel 6.18.2 to 6.18.3"] },
        },
        diff({
          added: packages(1),
          removed: packages(2),
          changed: [{ name: "nginx", from: ["1"], to: ["2"] }],
          sizeBefore: 1_000_000,
          sizeAfter: 1_000_000 + 3 * 2 ** 20,
        }),
      ),
    },
    standing: "fresh",
    says: /^A switch to 7777777 changes 1 package, adds 1 package, removes 2 packages, restarts 2 units, stops 1 unit and needs a reboot\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "without a diff and units it still says that something changes",
    of: { lastPreview: shown({ units: null }, null) },
    standing: "fresh",
    says: /^A switch to 7777777 activates another closure\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "what gives the closure that runs needs no switch",
    of: { lastPreview: shown({ closure: closure("c") }) },
    standing: "fresh",
    says: /builds exactly what the host runs/,
    does: null,
  },
  {
    title: "after the switch to it, what was previewed runs",
    of: { running: closure("d") },
    standing: "fresh",
    says: /already runs the previewed closure of 7777777/,
    does: null,
  },
  {
    title: "a newer target asks for a new preview",
    of: { target: A },
    standing: "target-moved",
    says: /^This preview shows 7777777, but the target is now aaaaaaa\.$/,
    does: "preview Preview again refuse",
  },
  {
    title: "a host that something else switched asks for a new preview",
    of: { running: closure("e") },
    standing: "host-changed",
    says: /has changed since this preview/,
    does: "preview Preview again refuse",
  },
  {
    title: "what would remove the agent is not offered, and says why",
    of: { lastPreview: shown({ agent: "missing" }) },
    standing: "fresh",
    says: /It takes away the agent, so it is refused unless you force it\.$/,
    does: null,
    forces: "switch Switch anyway… refuse",
  },
  {
    title: "a preview beside a specialisation that runs says that it is kept",
    of: {
      lastPreview: shown({ against: closure("x"), specialisation: { running: "x", next: "x" } }),
      running: closure("x"),
      deployed: closure("c"),
    },
    standing: "fresh",
    says: /touches no unit\. It keeps the specialisation x\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "a switch that would leave the specialisation says so before it",
    of: {
      lastPreview: shown({ against: closure("x"), specialisation: { running: "x", next: null } }),
      running: closure("x"),
      deployed: closure("c"),
    },
    standing: "fresh",
    says: /It leaves the specialisation x, which the new configuration does not have\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "after the switch, its specialisation runs what was previewed",
    of: { running: closure("x"), deployed: closure("d") },
    standing: "fresh",
    says: /already runs the previewed closure of 7777777/,
    does: null,
  },
  {
    title: "R83: what would take ways into the host away is not offered, and says so",
    of: { lastPreview: shown({ lockOut: { risks: ["sshd is switched off.", "The host is named b."], unclear: [] } }) },
    standing: "fresh",
    says: /It takes away 2 ways into the host, so it is refused unless you force it\.$/,
    does: null,
    forces: "switch Switch anyway… refuse",
  },
  {
    title: "R83: on a host that is offline it can be forced from the queue",
    of: { lastPreview: lockedOut, row: row({ reachability: { state: "offline" } }) },
    standing: "fresh",
    says: /refused unless you force it\.$/,
    does: null,
    forces: "switch Queue anyway… queue",
  },
  ...(
    [
      ["the target moved", { target: A }, "target-moved", "preview Preview again refuse"],
      ["the host changed", { running: closure("e") }, "host-changed", "preview Preview again refuse"],
      ["it runs already", { running: closure("d") }, "fresh", null],
      ["another run is at work", { row: row({ run: atWork("switch") }) }, "fresh", `open ${runId}`],
      ["the host's configuration forbids it", { row: row({ deniedOps: { switch: "No." } }) }, "fresh", null],
      ["the host was never here", { row: row({ reachability: { state: "never" } }) }, "fresh", null],
    ] as const
  ).map(
    ([why, of, standing, does]): Case => ({
      title: `R83: what takes ways into the host away cannot be forced: ${why}`,
      of: { lastPreview: lockedOut, ...of },
      standing,
      says: /./,
      does,
    }),
  ),
  {
    title: "R83: what only cannot be told is offered",
    of: { lastPreview: shown({ lockOut: { risks: [], unclear: ["sshd has other rules."] } }) },
    standing: "fresh",
    says: /touches no unit\.$/,
    does: "switch Switch to this refuse",
  },
  {
    title: "R56: an op that the host's configuration does not allow is not offered",
    of: { row: row({ deniedOps: { switch: REFUSALS["op-not-allowed-on-host"].sentence } }) },
    standing: "fresh",
    says: /^A switch to/,
    does: null,
  },
  {
    title: "on a host that is offline it waits in the queue",
    of: { row: row({ reachability: { state: "offline" } }) },
    standing: "fresh",
    says: /^A switch to/,
    does: "switch Queue switch queue",
  },
  {
    title: "a host that has never been here can be asked for nothing",
    of: { lastPreview: null, row: row({ reachability: { state: "never" } }) },
    standing: "none",
    says: /^No preview/,
    does: null,
  },
  {
    title: "another run at work comes first",
    of: { row: row({ run: atWork("switch") }) },
    standing: "fresh",
    says: /^A switch to/,
    does: `open ${runId}`,
  },
];

const describeAction = (action: NextAction | null): string | null => {
  if (action === null) return null;
  return action.kind === "open-run"
    ? `open ${action.runId satisfies RunId}`
    : `${action.op} ${action.label} ${action.whenBlocked}`;
};

test.each(cases)("$title", ({ of = {}, standing, says, does, forces = null }) => {
  const running = of.running ?? closure("c");
  const found = changes({ lastPreview: shown(), running, deployed: running, target: T, row: row(), ...of });
  expect({ standing: found.standing, does: describeAction(found.action), forces: describeAction(found.forced) }).toEqual({
    standing,
    does,
    forces,
  });
  expect(found.sentence).toMatch(says);
});

test("the switch that is offered is bound to the commit and the closure that were shown", () => {
  expect(
    changes({ lastPreview: shown(), running: closure("c"), deployed: closure("c"), target: T, row: row() }).action,
  ).toMatchObject({
    op: "switch",
    args: { mode: "switch", commit: T, closure: closure("d") },
  });
});
