import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * What a host boots: the `init` of the default entry that the activation of a closure wrote to /boot, in the files and words
 * of systemd-boot as NixOS writes them.
 */
export async function bootEntry(root: string): Promise<string> {
  const loader = join(root, "boot/loader");
  const settings = await readFile(join(loader, "loader.conf"), "utf8");
  const entry = /^default (\S+)$/m.exec(settings)?.[1];
  if (entry === undefined) throw new Error(`${loader}/loader.conf names no default entry.`);
  const init = /^options .*\binit=(\S+)/m.exec(await readFile(join(loader, "entries", entry), "utf8"))?.[1];
  if (init === undefined) throw new Error(`The entry ${entry} names no init.`);
  return init;
}
