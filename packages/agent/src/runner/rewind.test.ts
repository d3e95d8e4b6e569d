import { expect, test } from "vitest";
import { type CommitHistory, type CommitUse, commitFloors, generationNeeds } from "./rewind.ts";

const commit = (digit: string) => digit.repeat(40);
const [deployed, running, tip] = [commit("1"), commit("2"), commit("3")];
const known: CommitHistory = { deployed, running, tip };

type Row = [
  use: CommitUse,
  signed: boolean,
  allowRewind: boolean,
  force: boolean,
  known: Partial<CommitHistory>,
  floors: string[],
];

const rows: Row[] = [
  // Signed commits only, never back: a floor for all that runs something of a commit, and force is only a word of the dashboard.
  ["activate", true, false, false, {}, ["deployed", "running"]],
  ["activate", true, false, true, {}, ["deployed", "running"]],
  ["run", true, false, true, {}, ["deployed", "running"]],
  ["run", true, false, false, { deployed: undefined }, ["running"]],
  ["activate", true, false, true, { running: undefined }, ["deployed"]],
  ["activate", true, false, true, { deployed: undefined, running: undefined }, ["tip"]],
  ["run", true, false, false, { deployed: undefined, running: undefined }, ["tip"]],
  // May go back: an activation by force only.
  ["activate", true, true, false, {}, ["deployed"]],
  ["activate", true, true, true, {}, []],
  ["run", true, true, false, {}, []],
  ["activate", true, true, false, { deployed: undefined }, []],
  // Any commit of the branch: only what is activated is held against what was deployed.
  ["activate", false, false, false, {}, ["deployed"]],
  ["activate", false, false, true, {}, ["deployed"]],
  ["activate", false, true, true, {}, []],
  ["activate", false, false, false, { deployed: undefined }, []],
  ["run", false, false, false, {}, []],
];

test.each(rows)(
  "R56: to %s a commit, with signing %s, rewinds %s, force %s and %j besides, the floors are %j",
  (use, signed, allowRewind, force, without, floors) => {
    const history = { ...known, ...without };
    expect(commitFloors(use, { signed, allowRewind, force }, history)).toEqual(
      floors.map((from) => ({ from, commit: known[from as keyof CommitHistory] })),
    );
  },
);

test.each([
  [false, false, false, "nothing"],
  [false, true, false, "nothing"],
  [true, false, false, "refused"],
  [true, true, false, "signed-commit"],
  [true, false, true, "nothing"],
  [true, true, true, "nothing"],
] as const)(
  "R34 R56: a generation, with signing %s, rewinds %s and a person on the host %s, needs: %s",
  (signed, allowRewind, isByHand, needs) => {
    expect(generationNeeds({ signed, allowRewind }, isByHand)).toBe(needs);
  },
);
