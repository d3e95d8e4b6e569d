import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** A derivation of the stand-in: what Nix keeps in a .drv file, as JSON. */
export interface Derivation {
  path: string;
  out: string;
  name: string;
  /** The builder's script. */
  script: string;
  env: Record<string, string>;
  /** Paths of the derivations that are built before. */
  inputs: string[];
}

export interface StandInStore {
  readonly directory: string;
  /** Writes a derivation whose paths follow from its content: the same content has the same paths. */
  add(derivation: Omit<Derivation, "path" | "out">): Derivation;
  read(path: string): Derivation;
  has(out: string): boolean;
  /** Registers a built output with the store paths that it refers to, itself left out. */
  register(out: string, candidates: readonly string[]): void;
  /** A path and all that it refers to, directly or not. */
  closure(path: string): string[];
  /** Bytes of one path. */
  size(path: string): number;
}

export function createStandInStore(env: Readonly<Record<string, string | undefined>>): StandInStore {
  const directory = env.NIX_STORE_DIR ?? "/nix/store";
  const registry = join(env.NIX_STATE_DIR ?? join(directory, "../state"), "stand-in");
  const entryOf = (path: string) => join(registry, `${basename(path)}.json`);
  const entry = (path: string) => JSON.parse(readFileSync(entryOf(path), "utf8")) as { references: string[]; size: number };

  return {
    directory,
    add(derivation) {
      const text = JSON.stringify(derivation);
      const out = join(directory, `${storeHash(`out:${text}`)}-${derivation.name}`);
      const path = join(directory, `${storeHash(`drv:${text}`)}-${derivation.name}.drv`);
      mkdirSync(directory, { recursive: true });
      writeWhole(path, JSON.stringify({ ...derivation, path, out }));
      return { ...derivation, path, out };
    },
    read(path) {
      if (!existsSync(path)) throw new Error(`path '${path}' is not valid`);
      return JSON.parse(readFileSync(path, "utf8")) as Derivation;
    },
    has: (out) => existsSync(entryOf(out)),
    register(out, candidates) {
      const content = readAll(out);
      const references = candidates.filter((path) => path !== out && content.includes(basename(path).slice(0, 32)));
      mkdirSync(registry, { recursive: true });
      writeWhole(entryOf(out), JSON.stringify({ references, size: content.length }));
    },
    closure(path) {
      const found = new Set<string>();
      const queue = [path];
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (found.has(next)) continue;
        found.add(next);
        queue.push(...entry(next).references);
      }
      return [...found];
    },
    size: (path) => entry(path).size,
  };
}

/** All bytes of a tree, link targets too: there references are. */
function readAll(root: string): Buffer {
  const parts = readdirSync(root, { recursive: true, withFileTypes: true }).map((item) => {
    const path = join(item.parentPath, item.name);
    if (item.isSymbolicLink()) return Buffer.from(readlinkSync(path));
    return item.isFile() ? readFileSync(path) : Buffer.alloc(0);
  });
  return Buffer.concat(parts);
}

function writeWhole(path: string, text: string): void {
  if (existsSync(path)) return;
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

/** 32 characters of Nix's base 32, which leaves out e, o, t and u. */
function storeHash(text: string): string {
  const letters = "0123456789abcdfghijklmnpqrsvwxyz";
  const digest = createHash("sha256").update(text).digest();
  return [...digest].map((byte) => letters[byte % 32]).join("");
}
