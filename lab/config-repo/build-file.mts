/** Builds an output that holds one file, whose content is its version. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { out = "", file = "", version = "" } = process.env;
mkdirSync(out);
writeFileSync(join(out, file), `${version}\n`);
