/** The pre-switch check `switchInhibitors` of NixOS: what may not change under a running system. Its words, its exit codes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [incoming = "", action = ""] = process.argv.slice(2);

const read = (closure: string): Record<string, string> => {
  const path = join(closure, "switch-inhibitors");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
};

if (action === "boot") {
  console.log(`Not checking switch inhibitors (action = ${action})`);
} else {
  const [before, after] = [read("/run/current-system"), read(incoming)];
  const changed = Object.entries(before).filter(([name, value]) => Object.hasOwn(after, name) && after[name] !== value);
  if (changed.length === 0) {
    console.log("Checking switch inhibitors... done");
  } else {
    console.log(`Checking switch inhibitors...
There are changes to critical components of the system:

${changed.map(([name, value]) => `${name} : ${value} -> ${after[name]}`).join("\n")}

Switching into this system is not recommended.
You probably want to run 'nixos-rebuild boot' and reboot your system instead.

If you really want to switch into this configuration directly, then
you can set NIXOS_NO_CHECK=1 to ignore pre-switch checks.

WARNING: doing so might cause the switch to fail or your system to become unstable.
`);
    process.exitCode = 1;
  }
}
