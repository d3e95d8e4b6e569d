import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What became of something that was not flushed: it never got to the disk; it did; of a file, half of what was new did; of a file,
 * its length did and its content did not.
 */
export type Survival = "lost" | "kept" | "torn" | "zeroed";

/** A file of the faulty disk: what a reader sees, and what is on the disk for certain. */
export interface FileNode {
  kind: "file";
  /** Undefined: it has no name any more. */
  path: string | undefined;
  live: Buffer;
  flushed: Buffer;
}
/** A directory of the faulty disk. */
export interface DirectoryNode {
  kind: "directory";
  path: string;
  live: Map<string, Node>;
  flushed: Map<string, Node>;
}
export type Node = FileNode | DirectoryNode;

/** What a tree was like at one moment. Contents and maps in it are never changed, only replaced. */
export type Picture =
  | { node: Node; kind: "file"; live: Buffer; flushed: Buffer }
  | { node: Node; kind: "directory"; live: Map<string, Picture>; flushed: Map<string, Picture> };

/** What is there already: all of it on the disk. */
export function adopt(path: string): Node {
  if (!statSync(path).isDirectory()) {
    const content = readFileSync(path);
    return { kind: "file", path, live: content, flushed: content };
  }
  const entries = new Map(readdirSync(path).map((name) => [name, adopt(join(path, name))] as const));
  return { kind: "directory", path, live: entries, flushed: new Map(entries) };
}

export function find(top: DirectoryNode, path: string): Node | undefined {
  let node: Node | undefined = top;
  for (const name of path.slice(top.path.length).split("/").filter(Boolean)) {
    node = node?.kind === "directory" ? node.live.get(name) : undefined;
  }
  return node;
}

export function picture(node: Node, seen: Map<Node, Picture>): Picture {
  const known = seen.get(node);
  if (known !== undefined) return known;
  if (node.kind === "file") {
    const taken: Picture = { node, kind: "file", live: node.live, flushed: node.flushed };
    seen.set(node, taken);
    return taken;
  }
  const taken: Picture = { node, kind: "directory", live: new Map(), flushed: new Map() };
  seen.set(node, taken);
  for (const which of ["live", "flushed"] as const) {
    for (const [name, child] of node[which]) taken[which].set(name, picture(child, seen));
  }
  return taken;
}

/** Writes down what is found after a power loss. A file has one content, whichever of its names is found. */
export function lay(found: Picture, path: string, survival: () => Survival, contents: Map<Node, Buffer>): void {
  if (found.kind === "file") {
    const content = contents.get(found.node) ?? contentOf(found.flushed, found.live, survival);
    contents.set(found.node, content);
    writeFileSync(path, content);
    return;
  }
  mkdirSync(path, { recursive: true });
  for (const name of new Set([...found.flushed.keys(), ...found.live.keys()])) {
    const [before, after] = [found.flushed.get(name), found.live.get(name)];
    const entry = before === after || survival() === "lost" ? before : after;
    if (entry !== undefined) lay(entry, join(path, name), survival, contents);
  }
}

function contentOf(flushed: Buffer, live: Buffer, survival: () => Survival): Buffer {
  if (flushed.equals(live)) return live;
  switch (survival()) {
    case "lost":
      return flushed;
    case "kept":
      return live;
    case "torn":
      return live.subarray(0, Math.floor((commonLength(flushed, live) + live.length) / 2));
    case "zeroed":
      return Buffer.concat([
        live.subarray(0, commonLength(flushed, live)),
        Buffer.alloc(live.length - commonLength(flushed, live)),
      ]);
  }
}

function commonLength(a: Buffer, b: Buffer): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
