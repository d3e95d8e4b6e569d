import { readFileSync } from "node:fs";
import { BuildProgress } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createNixLog, type NixLine, stripColours } from "./log-stream.ts";
import { nixFailureCode } from "./nix-failure.ts";

/** What Nix really printed: `nix-store --realise … --log-format internal-json -v`. */
const recorded = (name: string) =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");

function read(lines: readonly string[]) {
  const said: NixLine[] = [];
  const seen: BuildProgress[] = [];
  let time = 0;
  const nix = createNixLog(() => time, { onLine: (line) => said.push(line), onProgress: () => seen.push(nix.progress()) });
  for (const line of lines) {
    time++;
    nix.line(line);
  }
  return { nix, said, seen, texts: said.map(({ text }) => text) };
}

test("a build: what builds now, since when, in which phase, done of expected, and the builders' own lines", () => {
  const { nix, said, seen, texts } = read(recorded("build-2.8.log"));
  expect(nix.progress()).toEqual({
    builds: { done: 3, expected: 3, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  });
  expect(seen).toContainEqual({
    builds: { done: 1, expected: 3, running: 1, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [{ name: "beta-2.1", phase: "buildPhase", since: expect.any(Number) }],
  });
  expect(texts).toContain("alpha> \u001b[32mok\u001b[0m alpha-1.0");
  expect(said.find(({ text }) => text.startsWith("building '"))).toEqual({
    stream: "nix",
    text: "building '/nix/store/530rw47slnib0gpv87w4hm0s5whl01dr-alpha-1.0.drv'",
  });
  expect(said.find(({ text }) => text.startsWith("these 3"))?.level).toBe("noise");
  for (const progress of seen) expect(BuildProgress.safeParse(progress).success).toBe(true);
});

test("a download: paths and bytes done of expected, without what describes them", () => {
  const { nix, seen, texts } = read(recorded("download-2.8.log"));
  expect(nix.progress()).toMatchObject({ copies: { done: 3, expected: 3 }, bytes: { done: 536, expected: 536 } });
  expect(seen.map(({ copies }) => copies.done)).toEqual(seen.map(({ copies }) => copies.done).toSorted((a, b) => a - b));
  expect(texts.some((text) => text.includes("narinfo"))).toBe(false);
});

test("a failed build: Nix's first error without colours, and the failed derivation counted", () => {
  const { nix, said } = read(recorded("build-failed-2.8.log"));
  expect(nix.firstError()).toBe("builder for '/nix/store/1a1l2f8kaqrn0w02zzn0i2gk7w4j4i5g-bad-1.drv' failed with exit code 3");
  expect(nix.progress().builds.failed).toBe(1);
  expect(said.filter(({ level }) => level === "error")).toHaveLength(2);
  expect(said.map(({ text }) => text)).toContain("bad> boom");
});

test("with a trace, the sentence follows the last error; since 2.29 the reason is in the next line", () => {
  const message = (text: string) => `@nix ${JSON.stringify({ action: "msg", level: 0, msg: text })}`;
  const traced =
    "\u001b[31;1merror:\u001b[0m\n       … while evaluating the option `x'\n\n       error: attribute 'y' missing\n       at a.nix:1:2";
  expect(read([message(traced)]).nix.firstError()).toBe("attribute 'y' missing");
  const built = "error: Cannot build '/nix/store/x.drv'.\n       Reason: builder failed with exit code 1.\n       Output paths:";
  expect(read([message(built)]).nix.firstError()).toBe(
    "Cannot build '/nix/store/x.drv'. Reason: builder failed with exit code 1.",
  );
});

test("what is not known is let through: other actions, types and fields, text without the prefix, broken JSON", () => {
  const { texts, nix } = read([
    '@nix {"action":"paint","id":1}',
    '@nix {"action":"start","id":7,"type":999,"text":"","fields":[{}]}',
    '@nix {"action":"result","id":7,"type":105,"fields":["a",-1,null]}',
    '@nix {"action":"result","id":8,"type":101}',
    '@nix {"action":"stop"}',
    "@nix [1",
    "warning: Git tree is dirty",
    "error: it is over",
  ]);
  expect(texts).toEqual(["@nix [1", "warning: Git tree is dirty", "error: it is over"]);
  expect(nix.firstError()).toBe("it is over");
});

test("the code of a failure comes from Nix's words", () => {
  const missing = "error: flake 'git+file:///x' does not provide attribute 'nixosConfigurations.a'";
  expect(nixFailureCode(missing, "evaluate", false)).toBe("attribute-missing");
  expect(nixFailureCode("error: attribute 'a' missing", "evaluate", false)).toBe("evaluation-failed");
  expect(nixFailureCode("error: writing to file: No space left on device", "build", false)).toBe("disk-full");
  expect(nixFailureCode("error: builder failed", "build", true)).toBe("build-failed");
  const sqlite = "error: executing SQLite statement 'pragma synchronous = off': disk I/O error (in '/nix/var/nix/db/db.sqlite')";
  expect(nixFailureCode(sqlite, "evaluate", true)).toBe("disk-full");
  expect(nixFailureCode(sqlite, "evaluate", false)).toBe("evaluation-failed");
});

test("colours are removed, other text stays", () => {
  expect(stripColours("\u001b[35;1m/nix\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007 [0m")).toBe("/nix link [0m");
});
