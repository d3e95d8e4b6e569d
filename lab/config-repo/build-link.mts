/** Builds an output that holds one link. */
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

const { out = "", link = "", target = "" } = process.env;
mkdirSync(dirname(join(out, link)), { recursive: true });
symlinkSync(target, join(out, link));
