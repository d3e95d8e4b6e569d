/** Waits on the host that builds, while a file is there, so that something can be done to it meanwhile. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const { out = "", gate = "" } = process.env;
mkdirSync("/run/lab", { recursive: true });
writeFileSync(`/run/lab/at-${gate}`, "");
console.log(`at the gate ${gate}`);
while (existsSync(`/run/lab/hold-${gate}`)) await sleep(50);
mkdirSync(join(out, "bin"), { recursive: true });
writeFileSync(join(out, "passed"), gate);
