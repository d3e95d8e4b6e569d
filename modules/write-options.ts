/** Writes modules/ops.json, and docs/options.md, which names the ops: `tools/node/run node modules/write-options.ts`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpName } from "@nixfleet/protocol";
import { optionsPage } from "./options-page.ts";

const directory = await mkdtemp(join(tmpdir(), "nixfleet-options-"));
try {
  await writeFile(join(import.meta.dirname, "ops.json"), `[${OpName.options.map((op) => JSON.stringify(op)).join(", ")}]\n`);
  await writeFile(join(import.meta.dirname, "../docs/options.md"), await optionsPage(directory));
} finally {
  await rm(directory, { recursive: true, force: true });
}
