import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** A path as these pages write it: with a folder, or the name of a file. Names of branches, addresses and placeholders are none. */
const PATH = /^(?!@)[\w.*-]+(?:\/[\w.*-]+)*\/?$/;
const FILE = /\.(?:ts|tsx|mts|nix|css|md|json)$/;

/**
 * Paths in a Markdown text that lead nowhere. A path begins at the repository, in `packages`, or where the one before it in the same
 * row or paragraph is: in its folder, or in the `src` of its package; `startsIn` are further folders of the whole text. The name of a
 * file with neither, and `index.ts`, say what files are called, and are no paths.
 */
function deadPaths(markdown: string, exists: (path: string) => boolean, startsIn: readonly string[] = []): string[] {
  const dead: string[] = [];
  for (const block of blocksOf(markdown)) {
    let before: readonly string[] = [];
    for (const written of pathsIn(block)) {
      if (!written.includes("/") && before.length + startsIn.length === 0) continue;
      const found = ["", "packages", ...before, ...startsIn].map((from) => join(from, written)).find(exists);
      if (found === undefined) dead.push(written);
      else before = [written.endsWith("/") ? found : dirname(found), /^packages\/[^/]+\/src/.exec(found)?.[0] ?? dirname(found)];
    }
  }
  return dead;
}

/** Rows, items and paragraphs; what is fenced is drawings, but for lists of folders. */
function blocksOf(markdown: string): string[] {
  const folders = [...markdown.matchAll(/^([\w./-]+\/) {2,}\S/gm)].map(([, folder = ""]) => `\`${folder}\``);
  return [...folders, ...markdown.replace(/^```[\s\S]*?^```/gm, "").split(/\n(?=\||\s*(?:-|\d+\.) |\s*\n)/)];
}

function pathsIn(block: string): string[] {
  const quoted = [...block.matchAll(/`([^`]+)`/g)].flatMap(([, text = ""]) => text.split(" "));
  const linked = [...block.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = ""]) => path);
  return [...quoted, ...linked].filter(
    (text) => PATH.test(text) && (text.includes("/") || (FILE.test(text) && text !== "index.ts")),
  );
}

function isThere(path: string): boolean {
  return path.includes("*") ? globSync(path, { cwd: root }).length > 0 : existsSync(join(root, path));
}

/** Whether it is made there by some program, and never committed. */
function isIgnored(path: string): boolean {
  return spawnSync("git", ["check-ignore", "--quiet", path], { cwd: root }).status === 0;
}

test("every path that CONTRIBUTING.md and docs/architecture.md name is there", () => {
  const read = (page: string) => readFileSync(join(root, page), "utf8");
  const startsIn = ["docs", "packages/dashboard/src", "packages/agent/src"];
  const dead = [...deadPaths(read("CONTRIBUTING.md"), isThere), ...deadPaths(read("docs/architecture.md"), isThere, startsIn)];
  expect(dead.filter((path) => !isIgnored(path))).toEqual([]);
});

test("a path is looked for at the repository, in packages, and beside the one before it; what is nowhere is named", () => {
  const files = [
    "packages/agent/src/link/link.ts",
    "packages/agent/src/spool/",
    "packages/agent/src/main.ts",
    "docs/a.md",
    "lab/",
  ];
  const sample = [
    "```",
    "lab/   hosts",
    "gone/  nothing",
    "```",
    "| `agent/src/link/link.ts`; `spool/`, `main.ts` | `POST /api/v1`, `runs/<run>/events.jsonl`, `@nixfleet/protocol` |",
    "| `agent/src/mane.ts`, `link/link.ts` | an `index.ts`",
    "| `main.ts` | [a page](docs/a.md#part), [none](docs/b.md), [elsewhere](https://example.org/b.md) |",
  ].join("\n");
  expect(deadPaths(sample, (path) => files.includes(path))).toEqual(["gone/", "agent/src/mane.ts", "link/link.ts", "docs/b.md"]);
});
