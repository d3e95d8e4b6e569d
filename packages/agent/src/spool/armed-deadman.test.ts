import type { RunId, StorePath } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import * as z from "zod";
import { sampleArmed } from "./armed.fixture.ts";
import { type ArmedDeadman, ArmedRecord, withFirstFormat } from "./armed-deadman.ts";

const runId = "01jd0000000000000000000001" as RunId;
const [back, next] = ["old", "new"].map((name) => `/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`) as [
  StorePath,
  StorePath,
];
const program = { launcher: [], env: { PATH: "/bin" }, unit: null };

/** A record as agents of the first format wrote it, for a switch: profile, link, and the previous closure's `switch`. */
const first = {
  runId,
  armedAt: 1000,
  until: 121_000,
  bootId: "this",
  back,
  profile: back,
  failedUnits: ["old.service"],
  asks: "confirm",
  host: { platform: "nixos", hostname: "gate", systemRoot: "", env: {} },
  activation: { closure: next, commit: null, mode: "switch", unit: "nixos-rebuild-switch-to-configuration" },
  timer: `nixfleet-deadman-${runId}`,
  undo: [
    { ...program, argv: ["nix-env", "-p", "/nix/var/nix/profiles/system", "--switch-generation", "41"] },
    { ...program, argv: ["/bin/sh", "-c", "…", "nixfleet-profile", "/nix/var/nix/profiles/system", "system-41-link", back] },
    { ...program, argv: [`${back}/bin/switch-to-configuration`, "switch"], unit: "nixfleet-undo" },
  ],
};

test("R63: what an agent of the first format has armed is undone by all of its steps, whatever the boot has brought back", () => {
  const read = ArmedRecord.parse(first);
  expect(read).toMatchObject({
    format: 2,
    armedIn: "this",
    window: 120_000,
    windows: 1,
    dueAt: null,
    stage: "permanent",
    excepted: [],
    ignoredUnits: [],
  });
  expect(read.undo.map(({ kind }) => kind)).toEqual(["profile", "profile", "boot-entry"]);
  expect(read).not.toHaveProperty("bootId");
});

test.for([
  ["test", "activation"],
  ["boot", "boot-entry"],
] as const)("of the first format, a step that ran `%s` is of kind %s", ([word, kind]) => {
  const undo = [{ ...program, argv: [`${back}/bin/switch-to-configuration`, word] }];
  expect(ArmedRecord.parse({ ...first, undo }).undo.map((step) => step.kind)).toEqual([kind]);
});

/** What the first format's agents read of a record (their schema, as far as it decides anything). */
const FirstReader = z.object({
  runId: z.string(),
  armedAt: z.number(),
  until: z.number(),
  bootId: z.string(),
  back: z.string(),
  profile: z.string().nullable(),
  failedUnits: z.array(z.string()).nullable(),
  asks: z.enum(["confirm", "health", "nothing"]),
  activation: z.object({ closure: z.string(), mode: z.enum(["switch", "boot", "test"]) }),
  timer: z.string().nullable(),
  undo: z
    .array(z.object({ launcher: z.array(z.string()), argv: z.array(z.string()).min(1), unit: z.string().nullable() }))
    .min(1),
});

test("R63: an agent of the first format reads a record of the second, and finds one that was armed in another boot: it undoes, and never confirms", () => {
  const armed: ArmedDeadman = sampleArmed({ runId, back, next, systemRoot: "", armedIn: "this" });
  const read = FirstReader.parse(JSON.parse(JSON.stringify(withFirstFormat(armed))));
  expect(read.bootId).not.toBe("this");
  expect(read.undo).toHaveLength(armed.undo.length);
  expect(ArmedRecord.parse(withFirstFormat(armed))).toEqual(armed);
});

test("a record of a format that is not known is refused", () => {
  expect(
    ArmedRecord.safeParse({ ...(withFirstFormat(sampleArmed({ runId, back, next, systemRoot: "" })) as object), format: 3 })
      .success,
  ).toBe(false);
});
