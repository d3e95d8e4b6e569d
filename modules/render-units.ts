/**
 * Writes what the modules install, as files: for a machine that is to have the very units of a NixOS or a home, without a Nix
 * expression of its own.
 *
 *   node modules/render-units.ts nixos|darwin|home-manager OUT < request.json
 *
 * The request is a `ModuleRequest` (evaluate.ts). OUT/units gets the units or jobs, OUT/made the files that they name, and
 * OUT/also.json users, directories and the like. With a second folder behind OUT, the units name the files of OUT/made there
 * instead of in the store.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Platform } from "@nixfleet/protocol";
import { evaluateModule, type ModuleRequest } from "./evaluate.ts";

/** The units or jobs by name, the files that they name by theirs, and the rest, with `madeAt` in place of the store. */
export interface Rendered {
  readonly units: Readonly<Record<string, string>>;
  readonly made: Readonly<Record<string, string>>;
  readonly also: Readonly<Record<string, unknown>>;
}

/** Throws with the sentences of the assertions that do not hold. */
export async function renderUnits(platform: Platform, request: ModuleRequest, madeAt: string): Promise<Rendered> {
  const directory = await mkdtemp(join(tmpdir(), "nixfleet-units-"));
  try {
    const { failed, files, made, also } = await evaluateModule(directory, platform, request);
    if (failed.length > 0) throw new Error(failed.join("\n"));
    // The name without its hash: there is one of each.
    const moved = (path: string) => join(madeAt, basename(path).slice(33));
    const rename = (text: string) => Object.keys(made).reduce((renamed, path) => renamed.replaceAll(path, moved(path)), text);
    const renameAll = (texts: Readonly<Record<string, string>>, name: (key: string) => string) =>
      Object.fromEntries(Object.entries(texts).map(([key, text]) => [name(key), rename(text)]));
    return {
      units: renameAll(files, (name) => name),
      made: renameAll(made, (path) => basename(moved(path))),
      also: JSON.parse(rename(JSON.stringify(also))),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function main([wanted, out, madeAt]: readonly string[]): Promise<number> {
  const platform = Platform.safeParse(wanted);
  if (!platform.success || out === undefined) {
    process.stderr.write(`Usage: render-units.ts ${Platform.options.join("|")} OUT [FOLDER OF MADE FILES] < request.json\n`);
    return 2;
  }
  const request = JSON.parse(await readFile("/dev/stdin", "utf8")) as ModuleRequest;
  const { units, made, also } = await renderUnits(platform.data, request, madeAt ?? join(out, "made"));
  for (const [folder, texts] of Object.entries({ units, made })) {
    await mkdir(join(out, folder), { recursive: true });
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(out, folder, name), text);
      if (text.startsWith("#!")) await chmod(join(out, folder, name), 0o755);
    }
  }
  await writeFile(join(out, "also.json"), `${JSON.stringify(also, null, 2)}\n`);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
