import type { Generation, GenerationView, RunId } from "@nixfleet/protocol";
import { REFUSALS } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { type DeploymentBy, type GenerationsInput, generations } from "./generations.ts";
import { A, closure, deployment, laterRunId, now, T } from "./sample-status.fixture.ts";

const made = (number: number, letter: string | null, more: Partial<Generation> = {}): Generation => ({
  number,
  at: now + number,
  ...(letter === null ? {} : { closure: closure(letter) }),
  current: false,
  ...more,
});
const by = (letter: string, more: Partial<DeploymentBy> = {}): DeploymentBy => ({
  ...deployment(closure(letter), T),
  by: "ada",
  ...more,
});
const input = (more: Partial<GenerationsInput> = {}, facts: GenerationsInput["facts"] = {}): GenerationsInput => ({
  facts: {
    generations: [made(9, "a"), made(10, "b"), made(11, "c", { current: true })],
    running: { closure: closure("c") },
    profile: { closure: closure("c"), generation: 11 },
    booted: { closure: closure("b") },
    ...facts,
  },
  platform: "nixos",
  deployments: [by("c", { generation: 11 }), by("b", { generation: 10, commit: A, runId: laterRunId })],
  row: { deniedOps: {}, reachability: { state: "online" } },
  ...more,
});
const short = ({ number, marks, rollback, denied }: Omit<GenerationView, "subject">) => ({
  number,
  marks: marks.join(" "),
  way: rollback === null ? denied : rollback.kind === "start" ? rollback.label : "",
});

test("a specialisation that runs, and was booted, marks the generation that it is of, which needs no rollback", () => {
  const running = { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } };
  const [current] = generations(input({}, { running, booted: { closure: closure("x") } })).map(short);
  expect(current).toEqual({ number: 11, marks: "running next-boot booted last-known-good", way: null });
});

test("R34: generations are in the order of their numbers, newest first: 10 comes after 9", () => {
  const shuffled = [made(10, "b"), made(2, "e"), made(11, "c"), made(9, "a"), made(100, "f")];
  expect(generations(input({}, { generations: shuffled })).map(({ number }) => number)).toEqual([100, 11, 10, 9, 2]);
});

test("each says what it is to the host, and how to go back to it", () => {
  expect(generations(input()).map(short)).toEqual([
    { number: 11, marks: "running next-boot last-known-good", way: null },
    { number: 10, marks: "booted", way: "Roll back to 10" },
    { number: 9, marks: "", way: "Roll back to 9" },
  ]);
});

test("R34: the rollback that is offered names the generation by its number", () => {
  expect(generations(input())[1]?.rollback).toMatchObject({ op: "rollback", args: { generation: 10 }, whenBlocked: "refuse" });
});

test("who deployed it is the one who made it, not who went back to it later", () => {
  const deployments = [
    by("b", { generation: 10, by: "grace", runId: laterRunId }),
    by("c", { generation: 11 }),
    by("b", { generation: 10, commit: A, runId: "01jd00000000000000000000aa" as RunId }),
  ];
  expect(generations(input({ deployments })).map(({ number, by: who, commit }) => [number, who, commit])).toEqual([
    [11, "ada", T],
    [10, "ada", T],
    [9, null, null],
  ]);
});

test("a commit that only an earlier deployment names is still known, and what the host names counts before it", () => {
  const deployments = [by("b", { generation: 10, commit: null, runId: laterRunId }), by("b", { generation: 10, commit: A })];
  const facts = { generations: [made(10, "b"), made(9, "a", { commit: T })] };
  expect(generations(input({ deployments }, facts)).map(({ commit }) => commit)).toEqual([A, T]);
});

test("R34: a collected generation cannot be gone back to, and says why", () => {
  const [, collected] = generations(input({}, { generations: [made(11, "c"), made(10, null)] }));
  expect(collected).toMatchObject({ closure: null, rollback: null, denied: expect.stringContaining("was garbage-collected") });
});

test("of several generations with the closure that runs, the current one runs; without one the newest", () => {
  const same = [made(12, "c"), made(11, "c"), made(10, "c")];
  const running = (facts: GenerationsInput["facts"]) =>
    generations(input({}, { generations: same, ...facts })).filter(({ marks }) => marks.includes("running"));
  expect(running({}).map(({ number }) => number)).toEqual([11]);
  expect(running({ profile: { closure: closure("f") } }).map(({ number }) => number)).toEqual([12]);
});

test("what runs until the next boot only can be kept by going back to its generation", () => {
  const found = generations(input({}, { profile: { closure: closure("b"), generation: 10 } }));
  expect(found.map(short)).toEqual([
    { number: 11, marks: "running last-known-good", way: "Roll back to 11" },
    { number: 10, marks: "next-boot booted", way: "Roll back to 10" },
    { number: 9, marks: "", way: "Roll back to 9" },
  ]);
});

test("what was only tried is not known to be good", () => {
  const deployments = [by("c", { mode: "test" }), by("b", { generation: 10 })];
  const good = generations(input({ deployments })).filter(({ marks }) => marks.includes("last-known-good"));
  expect(good.map(({ number }) => number)).toEqual([10]);
});

test("a Home Manager profile is not booted", () => {
  const { booted: _, ...facts } = input().facts;
  const found = generations({ ...input({ platform: "home-manager" }), facts });
  expect(found.flatMap(({ marks }) => marks)).toEqual(["running", "last-known-good"]);
});

test("R56: what the host's configuration does not allow is denied with the reason, and what is offline waits in the queue", () => {
  const { sentence } = REFUSALS["op-not-allowed-on-host"];
  const row: GenerationsInput["row"] = { deniedOps: { rollback: sentence }, reachability: { state: "online" } };
  expect(generations(input({ row })).map(short).at(-1)).toEqual({ number: 9, marks: "", way: sentence });
  const offline: GenerationsInput["row"] = { deniedOps: {}, reachability: { state: "offline" } };
  expect(generations(input({ row: offline })).at(-1)?.rollback).toMatchObject({
    label: "Queue roll back to 9",
    whenBlocked: "queue",
  });
});

test("a host that has reported no generations has none to show", () => {
  expect(generations({ ...input(), facts: {} })).toEqual([]);
});
