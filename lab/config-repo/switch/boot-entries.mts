import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LOADER = "/boot/loader";
const PROFILES = "/nix/var/nix/profiles";

/**
 * Writes an entry for each generation, and makes the newest one of this closure the default, as NixOS does with systemd-boot:
 * a closure that is no generation is not booted.
 */
export function installBootLoader(toplevel: string): void {
  const entries = join(LOADER, "entries");
  mkdirSync(entries, { recursive: true });
  const generations = readdirSync(PROFILES)
    .flatMap((name) => /^system-(\d+)-link$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const known = new Set<string>();
  for (const number of generations) {
    const closure = realpathSync(join(PROFILES, `system-${number}-link`));
    const name = `nixos-generation-${number}.conf`;
    const entry = [
      "title NixOS",
      `version Generation ${number}`,
      `linux ${realpathSync(join(closure, "kernel"))}`,
      `initrd ${realpathSync(join(closure, "initrd"))}`,
      `options init=${closure}/init`,
    ];
    writeWhole(join(entries, name), `${entry.join("\n")}\n`);
    known.add(name);
    if (closure === toplevel) writeWhole(join(LOADER, "loader.conf"), `timeout 0\ndefault ${name}\n`);
  }
  for (const name of readdirSync(entries)) if (!known.has(name)) rmSync(join(entries, name));
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
