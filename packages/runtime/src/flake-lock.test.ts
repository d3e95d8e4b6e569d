import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readFlakeLock } from "./flake-lock.ts";

const read = (value: unknown) => readFlakeLock(new TextEncoder().encode(JSON.stringify(value)));
const github = (owner: string, repo: string, rev: string, lastModified: number) => ({
  locked: { type: "github", owner, repo, rev, lastModified, narHash: "sha256-x" },
});

test("the root's inputs are read by the names that the flake gives them, with revision, date and origin", () => {
  const lock = {
    version: 7,
    root: "root",
    nodes: {
      root: { inputs: { nixpkgs: "nixpkgs_2", tools: "tools", same: ["tools", "nixpkgs"] } },
      nixpkgs_2: github("NixOS", "nixpkgs", "1".repeat(40), 1_700_000_000),
      nixpkgs: github("NixOS", "nixpkgs", "2".repeat(40), 1_600_000_000),
      tools: {
        inputs: { nixpkgs: "nixpkgs" },
        locked: { type: "git", url: "https://git.example.org/tools", rev: "3".repeat(40) },
      },
    },
  };

  expect(read(lock)).toEqual({
    ok: true,
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    inputs: {
      nixpkgs: { revision: "1".repeat(40), lastModified: 1_700_000_000_000, from: "github:NixOS/nixpkgs" },
      tools: { revision: "3".repeat(40), from: "git:https://git.example.org/tools" },
      same: { revision: "2".repeat(40), lastModified: 1_600_000_000_000, from: "github:NixOS/nixpkgs" },
    },
  });
});

test("a byte that is not UTF-8 is a fault, and a mark at the beginning is none", () => {
  const text = '{ "nodes": { "root": {} }, "by": "\u00e9" }';
  expect(readFlakeLock(Buffer.from(text, "latin1"))).toEqual({ ok: false, fault: "flake.lock is not UTF-8" });
  const marked = Buffer.from(`\u{feff}${text}`);
  expect(readFlakeLock(marked)).toEqual({ ok: true, hash: createHash("sha256").update(marked).digest("hex"), inputs: {} });
});

test("inputs that follow one another in a circle end", () => {
  const inputs = { a: ["b"], b: ["a"] };
  expect(read({ nodes: { root: { inputs } } })).toMatchObject({ ok: true, inputs: { a: {}, b: {} } });
});

test("R64: inputs that lead by one another more and more often are each followed once", () => {
  const names = Array.from({ length: 32 }, (_, index) => `a${index}`);
  const inputs = Object.fromEntries(names.map((name, index) => [name, Array(3).fill(names[index + 1] ?? "end")]));
  const nodes = { root: { inputs: { ...inputs, end: "root" }, locked: { rev: "r" } } };
  expect(read({ nodes })).toMatchObject({ ok: true, inputs: { a0: { revision: "r" }, a31: { revision: "r" } } });
});

test("what is no lock file is reported as such", () => {
  expect(readFlakeLock(new TextEncoder().encode("<<<<<<< HEAD"))).toMatchObject({ ok: false, fault: /not JSON/ });
  expect(read({ nodes: [] })).toMatchObject({ ok: false, fault: /nodes/ });
});

test("R50: whatever a lock file holds, reading it neither throws nor takes long texts over", () => {
  fc.assert(
    fc.property(fc.json(), fc.string(), (json, text) => {
      readFlakeLock(new TextEncoder().encode(json));
      const nodes = {
        root: { inputs: { constructor: "__proto__", toString: "n" } },
        n: { locked: { rev: text.repeat(100), lastModified: -1 } },
      };
      const result = read({ nodes });
      expect(result).toMatchObject({ ok: true, inputs: { constructor: {} } });
      if (result.ok) expect((result.inputs["toString"]?.revision ?? "").length).toBeLessThanOrEqual(80);
    }),
  );
});

test("R58: where an input comes from is told without tokens, also where it is long or the file is no JSON", () => {
  const from = (locked: Record<string, unknown>) => {
    const result = read({ nodes: { root: { inputs: { a: "a" } }, a: { locked } } });
    return result.ok ? result.inputs["a"]?.from : result.fault;
  };
  expect(from({ type: "git", url: "https://t0ken@h.example/r" })).toBe("git:https://[redacted]@h.example/r");
  expect(from({ type: "tarball", url: "https://h.example/x.tar.gz?access_token=t0ken" })).toBe(
    "tarball:https://h.example/x.tar.gz",
  );
  expect(from({ type: "git", url: "ssh://git@h.example/r" })).toBe("git:ssh://git@h.example/r");
  expect(from({ type: "git", url: `https://me:${"t0ken".repeat(100)}@h.example/r` })).toBe("git:https://[redacted]@h.example/r");
  const torn = readFlakeLock(new TextEncoder().encode('{"url": "https://t0ken@h"; }'));
  expect(torn).toEqual({ ok: false, fault: expect.stringMatching(/^flake\.lock is not JSON/) });
  expect(JSON.stringify(torn)).not.toContain("t0ken");
});
