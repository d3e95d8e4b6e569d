import { BuildProgress } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { stripEscapes } from "../escape-sequences.ts";
import { createNixLog, type NixLine } from "./log-stream.ts";
import { inputFailureCode, nixFailureCode } from "./nix-failure.ts";
import { NIX_VERSIONS, recordedNix } from "./recordings.fixture.ts";

/** What Nix really printed: `nix-store --realise … --log-format internal-json -v`. */
const built = (version: Parameters<typeof recordedNix>[1], name: string) => {
  const recording = recordedNix("build", version).get(name);
  if (recording === undefined) throw new Error(`${name} was not recorded`);
  return recording.lines;
};

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

const EVERY_STORE = [...NIX_VERSIONS, "2.26-daemon", "2.34-daemon"] as const;

test.each(EVERY_STORE)(
  "R75: a build by Nix %s: what builds now, since when, in which phase, and the builders' own lines",
  (version) => {
    const { nix, said, seen, texts } = read(built(version, "good"));
    const nothing = { copies: { done: 0, expected: 0 }, bytes: { done: 0, expected: 0 } };
    expect(nix.progress()).toEqual({ builds: { done: 3, expected: 3, running: 0, failed: 0 }, ...nothing, now: [] });
    expect(seen).toContainEqual({
      builds: { done: expect.any(Number), expected: 3, running: expect.any(Number), failed: 0 },
      ...nothing,
      now: expect.arrayContaining([{ name: "beta-2.1", phase: "buildPhase", since: expect.any(Number) }]),
    });
    expect(texts).toContain("alpha> ok");
    expect(said.find(({ text }) => text.startsWith("building '"))).toEqual({
      stream: "nix",
      text: expect.stringMatching(/^building '\S+-alpha-1\.0\.drv'$/),
    });
    expect(said.find(({ text }) => text.startsWith("these 3"))?.level).toBe("noise");
    for (const progress of seen) expect(BuildProgress.safeParse(progress).success).toBe(true);
  },
);

test.each(EVERY_STORE)("R75: the progress of Nix %s never goes back, and ends at n of n", (version) => {
  for (const name of ["good", "download", "cache-unreachable-build"]) {
    const { nix, seen } = read(built(version, name));
    for (const [index, { builds, copies, bytes }] of seen.entries()) {
      const before = seen[index - 1] ?? { builds, copies, bytes };
      for (const [now, then] of [
        [builds, before.builds],
        [copies, before.copies],
        [bytes, before.bytes],
      ] as const) {
        expect(now.done).toBeGreaterThanOrEqual(then.done);
        expect(now.expected).toBeGreaterThanOrEqual(then.expected);
      }
    }
    const { builds, copies, bytes } = nix.progress();
    for (const { done, expected } of [builds, copies, bytes]) expect(done).toBe(expected);
    expect(seen.every((progress) => progress.builds.expected <= 3 && progress.copies.expected <= 3)).toBe(true);
  }
});

test.each(EVERY_STORE)("R75: the total of a failed build of Nix %s stays what it was", (version) => {
  const failed = (name: string) => read(built(version, name)).nix.progress().builds;
  expect(failed("compiler")).toEqual({ done: 0, expected: 1, running: 0, failed: 1 });
  expect(failed("dependency")).toEqual({ done: 0, expected: 3, running: 0, failed: 1 });
  expect(failed("several")).toMatchObject({ expected: 4, running: 0, failed: 1 });
});

test.each(EVERY_STORE)("R75: a download by Nix %s: paths and bytes done of expected, without what describes them", (version) => {
  const { nix, texts } = read(built(version, "download"));
  const { copies, bytes } = nix.progress();
  expect(copies).toEqual({ done: 3, expected: 3 });
  expect(bytes.done).toBeGreaterThan(400);
  expect(texts.some((text) => text.includes("narinfo"))).toBe(false);
});

test("a failed build: the builder's own error, Nix's sentence about it, and one red line", () => {
  const { nix, said } = read(built("2.8", "compiler"));
  expect(nix.firstError()).toBe("src/web.c:41:9: error: ‘workers’ undeclared (first use in this function)");
  expect(nix.sentence()).toMatch(/^builder for '\/nix\/store\/\w{32}-web-1\.28\.drv' failed with exit code 2$/);
  expect(said.filter(({ level }) => level === "error")).toHaveLength(1);
});

test("with a trace, the sentence follows the last error; since 2.29 the reason is in the next line", () => {
  const message = (text: string) => `@nix ${JSON.stringify({ action: "msg", level: 0, msg: text })}`;
  const traced =
    "\u001b[31;1merror:\u001b[0m\n       … while evaluating the option `x'\n\n       error: attribute 'y' missing\n       at a.nix:1:2";
  expect(read([message(traced)]).nix.firstError()).toBe("attribute 'y' missing");
  const failed = "error: Cannot build '/nix/store/x.drv'.\n       Reason: builder failed with exit code 1.\n       Output paths:";
  expect(read([message(failed)]).nix.firstError()).toBe(
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
  expect(stripEscapes("\u001b[35;1m/nix\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007 [0m")).toBe("/nix link [0m");
});

test.each(NIX_VERSIONS)("R76: what keeps an input from being fetched by Nix %s has the code of its cause", (version) => {
  const code = (name: string) => {
    const { nix } = read(recordedNix("evaluate", version).get(name)?.lines ?? []);
    const firstError = nix.firstError() ?? "";
    return inputFailureCode(nix.gitFailure(), firstError) ?? nixFailureCode(`${nix.errors()}\n${firstError}`, "evaluate", false);
  };
  expect(code("git-authentication")).toBe("auth-failed");
  expect(code("git-host-key")).toBe("host-key-unknown");
  expect(code("git-unknown-host")).toBe("evaluation-failed");
  expect(code("fetch-missing")).toBe("evaluation-failed");
  expect(code("lock-missing-input")).toBe("lock-outdated");
  expect(code("throw")).toBe("evaluation-failed");
});

test("R76: a download that a server refuses, or a forge hides, wants credentials; a rate limit and a missing file do not", () => {
  const code = (error: string) => inputFailureCode(undefined, error);
  expect(code("unable to download 'https://h.example/x.tgz': HTTP error 401")).toBe("auth-failed");
  expect(code("unable to download 'https://h.example/x.tgz': HTTP error 403")).toBe("auth-failed");
  expect(code("unable to download 'https://api.github.com/repos/a/b/tarball/1': HTTP error 404")).toBe("auth-failed");
  expect(code("unable to download 'https://git.example/api/v4/projects/a%2Fb/x': HTTP error 404")).toBe("auth-failed");
  expect(code("unable to download 'https://h.example/x.tgz': HTTP error 404")).toBeUndefined();
  const limited = "unable to download 'https://api.github.com/x': HTTP error 403 ('rate limit exceeded')";
  expect(code(limited)).toBeUndefined();
});
