/** Builds a package: prints lines for as long as it is said to take, and fails if it is said to. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const { out = "", pname = "", version = "", seconds = "0", lines = "1", fails = "" } = process.env;
for (let line = 1; line <= Number(lines); line++) {
  console.log(`  CC      src/part${line}.o`);
  await sleep((Number(seconds) * 1000) / Number(lines));
}
if (fails !== "") {
  console.error(`src/main.c:12:3: error: implicit declaration of function '${pname}_init'`);
  process.exit(2);
}
mkdirSync(join(out, "bin"), { recursive: true });
writeFileSync(join(out, "bin", pname), `#!/bin/sh\necho "${pname} ${version}"\n`, { mode: 0o755 });
