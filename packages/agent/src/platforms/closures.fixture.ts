import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const hash = "sn3sxk6b7myhr3sdbn7rri2y00ww7n6p";

/** Makes what looks like a closure of a store below `root`, with these files; executable ones begin with `#!`. */
export async function makeClosure(root: string, name: string, files: Record<string, string> = {}): Promise<string> {
  const closure = join(root, "store", `${hash}-${name}`);
  await mkdir(closure, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(closure, path)), { recursive: true });
    await writeFile(join(closure, path), content, { mode: content.startsWith("#!") ? 0o755 : 0o644 });
  }
  return closure;
}

/** Links below a root, as Nix's profiles and /run have them. */
export async function makeLinks(root: string, links: Record<string, string>): Promise<void> {
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path));
  }
}
