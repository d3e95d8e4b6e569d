/** Builds the agent as its package is: one bundled file, and a program that runs it by a Node of the store. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { out = "", bundle = "", nodejs = "" } = process.env;
const program = join(out, "lib/nixfleet-agent.js");
mkdirSync(join(out, "lib"), { recursive: true });
mkdirSync(join(out, "bin"));
copyFileSync(bundle, program);
writeFileSync(join(out, "bin/nixfleet-agent"), `#!/bin/sh\nexec ${nodejs}/bin/node ${program} "$@"\n`, { mode: 0o755 });
