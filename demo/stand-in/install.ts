import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compileCache } from "@nixfleet/testkit";
import type { Places } from "../fleet/places.ts";

/** Puts programs called nix, nix-store and nix-env into a directory of the demo, and returns that directory for a PATH. */
export async function installStandIn(places: Places): Promise<string> {
  await mkdir(places.standIn, { recursive: true });
  for (const name of ["nix", "nix-store", "nix-env"]) {
    const script = `#!/bin/sh\nNODE_COMPILE_CACHE='${compileCache.NODE_COMPILE_CACHE}' exec '${process.execPath}' '${join(import.meta.dirname, "main.ts")}' ${name} "$@"\n`;
    await writeFile(join(places.standIn, name), script, { mode: 0o755 });
  }
  return places.standIn;
}
