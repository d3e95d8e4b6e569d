import type { RunId, StorePath } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { MeantState } from "../platforms/platform.ts";
import { sampleArmed } from "../spool/armed.fixture.ts";
import { AGENT_UNITS } from "../systemd/agent-units.ts";
import { createSystemd } from "../systemd/systemd.ts";
import { type Comparison, deployed, findDifferences, markOf, restored, type SeenHost } from "./compare.ts";

const runId = "01jd0000000000000000000001" as RunId;
const [old, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [StorePath, StorePath];
const armed = (mode: "switch" | "boot" | "test") =>
  sampleArmed({
    runId,
    back: old,
    next,
    systemRoot: "",
    profile: old,
    activation: { closure: next, commit: null, mode, unit: null },
    excepted: ["/etc/static"],
    failedUnits: ["old.service"],
    ignoredUnits: ["flaky"],
  });

test.for([
  ["switch", { running: old, profile: old, replaced: next }, { running: next, profile: next, replaced: old }],
  ["test", { running: old, profile: null, replaced: next }, { running: next, profile: null, replaced: old }],
  ["boot", { running: old, profile: old, replaced: next }, { running: old, profile: next, replaced: null }],
] as const)("R63: what a deployment in mode %s is meant to leave behind, undone or not", ([mode, undone, done]) => {
  expect(restored(armed(mode), "this").meant).toEqual({ ...undone, after: "undo" });
  expect(deployed(armed(mode)).meant).toEqual(done);
});

test("a deployment of what ran before has replaced nothing", () => {
  const same = { ...armed("switch"), activation: { closure: old, commit: null, mode: "switch" as const, unit: null } };
  expect(deployed(same).meant).toEqual({ running: old, profile: old, replaced: null });
});

/** A host on which these things differ and these units have failed, in turn. */
function createHost({ failed = [[]], ...more }: Partial<SeenHost> & { failed?: string[][] } = {}) {
  const asked: MeantState[] = [];
  let looks = 0;
  const host: SeenHost = {
    async differences(meant) {
      asked.push(meant);
      return [
        { what: "/etc/static", sentence: "It always leads elsewhere." },
        { what: "profile", sentence: "The profile is another." },
      ];
    },
    failedUnits: async () => failed[Math.min(looks++, failed.length - 1)],
    installedAgent: async () => "ExecStart=nixfleet-agent",
    serviceManager: undefined,
    ...more,
  };
  return { host, asked };
}

async function differencesOf(host: SeenHost, comparison: Comparison = restored(armed("switch"), "this")): Promise<string[]> {
  const clock = createFakeClock();
  const found = findDifferences(host, comparison, clock);
  let isDone = false;
  void found.finally(() => (isDone = true));
  while (!isDone) await clock.advanceAsync(500);
  return found;
}

test("R63: what differed before the activation already is not held against its undo; all else is told", async () => {
  const { host, asked } = createHost();
  expect(await differencesOf(host)).toEqual(["The profile is another."]);
  expect(asked).toEqual([{ running: old, profile: old, replaced: next, after: "undo" }]);
});

test("R63: a difference that is longer to name than the record has room for is known again", async () => {
  const what = `/home/ada/${"x".repeat(4000)}`;
  const { host } = createHost({ differences: async () => [{ what, sentence: "It leads elsewhere." }] });
  const comparison = restored(armed("switch"), "this");
  expect(await differencesOf(host, comparison)).toEqual(["It leads elsewhere."]);
  expect(await differencesOf(host, { ...comparison, excepted: [markOf({ what, sentence: "" })] })).toEqual([]);
});

test("R63: units that have failed since differ, unless they come to themselves in time, had failed before, or may fail", async () => {
  const differences = async () => [];
  const at = (...failed: string[][]) => differencesOf(createHost({ differences, failed }).host);
  expect(await at(["old.service", "flaky.service"])).toEqual([]);
  expect(await at(["web.service"])).toEqual(["Units have failed since: web.service."]);
  expect(await at(["web.service"], ["web.service"], [])).toEqual([]);
  // After a boot nobody knows what would have failed in it anyway.
  const { host } = createHost({ differences, failed: [["web.service"]] });
  expect(await differencesOf(host, restored(armed("switch"), "the next boot"))).toEqual([]);
});

test("R63: the agent's own units have to be known to systemd where the closure installs them", async () => {
  const states = (load: (unit: string) => string) =>
    createSystemd({
      scope: "system",
      env: {},
      exec: ({ argv }) => {
        const stdout = argv
          .slice(3)
          .map((unit) => `Id=${unit}\nLoadState=${load(unit)}\nActiveState=active\n`)
          .join("\n");
        const end = { kind: "exited", exitCode: 0 } as const;
        return { pid: undefined, result: Promise.resolve({ end, aborted: false, stdout, stderr: "", truncated: false }) };
      },
    });
  const differences = async () => [];
  const lost = states((unit) => (unit === AGENT_UNITS.runnerPath ? "not-found" : "loaded"));
  const sentence = `${AGENT_UNITS.runnerPath} is not known to systemd, and ${old} installs it.`;
  expect(await differencesOf(createHost({ differences, serviceManager: lost }).host)).toEqual([sentence]);
  expect(await differencesOf(createHost({ differences, serviceManager: states(() => "loaded") }).host)).toEqual([]);
  const none = createHost({ differences, serviceManager: lost, installedAgent: async () => undefined });
  expect(await differencesOf(none.host)).toEqual([]);
});
