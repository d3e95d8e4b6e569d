/**
 * Plays NixOS's installer of systemd-boot's entries. Held against nixpkgs 0137840114d1,
 * nixos/modules/system/boot/loader/systemd-boot/systemd-boot-builder.py: its order (old entries go first, then each generation's is
 * written, then the default), its names, lines and temporary files, one of which keeps it from working when it was left. To hold it
 * again, read `install_bootloader`, `write_entry` and `write_loader_conf` beside this file. Left out: the loader itself, boot counting,
 * specialisations, other profiles, secrets, and a separate partition for entries.
 */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const BOOT = "/boot";
const LOADER = join(BOOT, "loader");
const ENTRIES = join(LOADER, "entries");
/** Kernels and initrds, copied out of the store: the loader reads no other file system. */
const FILES = "EFI/nixos";
const PROFILES = "/nix/var/nix/profiles";
/** The lab's own: below /var, so that it outlives a boot. While it is there, an installer waits. */
const HOLD = "/var/lib/lab/hold/installer";

interface Generation {
  readonly number: number;
  readonly closure: string;
  readonly entry: string;
}

/** Writes an entry for each generation, and makes the newest one of this closure the default. A closure that is no generation is not booted. */
export function installBootLoader(toplevel: string): void {
  mkdirSync(join(BOOT, FILES), { recursive: true });
  mkdirSync(ENTRIES, { recursive: true });
  const generations = listGenerations();
  removeOldEntries(generations);
  for (const generation of generations) {
    writeEntry(generation);
    if (generation.closure === toplevel) writeLoaderConf(generation);
  }
}

function listGenerations(): Generation[] {
  return readdirSync(PROFILES)
    .flatMap((name) => /^system-(\d+)-link$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
    .map((number) => ({
      number,
      closure: realpathSync(join(PROFILES, `system-${number}-link`)),
      entry: `nixos-generation-${number}.conf`,
    }));
}

function removeOldEntries(generations: readonly Generation[]): void {
  const entries = new Set(generations.map(({ entry }) => entry));
  const files = new Set(generations.flatMap(({ closure }) => [copyOf(closure, "kernel"), copyOf(closure, "initrd")]));
  for (const name of readdirSync(ENTRIES)) if (/^nixos.*\.conf$/.test(name) && !entries.has(name)) rmSync(join(ENTRIES, name));
  for (const name of readdirSync(join(BOOT, FILES))) if (!files.has(join(FILES, name))) rmSync(join(BOOT, FILES, name));
}

/** Where a part of a closure is copied to, below /boot: named by its path in the store. */
function copyOf(closure: string, part: string): string {
  const path = realpathSync(join(closure, part));
  return join(FILES, `${basename(dirname(path))}-${basename(path)}.efi`);
}

function copyToBoot(closure: string, part: string): string {
  const copy = copyOf(closure, part);
  const path = join(BOOT, copy);
  if (!existsSync(path)) {
    copyFileSync(join(closure, part), `${path}.tmp`);
    renameSync(`${path}.tmp`, path);
  }
  return `/${copy}`;
}

function writeEntry({ number, closure, entry }: Generation): void {
  const kernel = copyToBoot(closure, "kernel");
  const initrd = copyToBoot(closure, "initrd");
  const label = readFileSync(join(closure, "nixos-version"), "utf8");
  const built = lstatSync(join(PROFILES, `system-${number}-link`))
    .ctime.toISOString()
    .slice(0, 10);
  const temporary = join(ENTRIES, entry.replace(/\.conf$/, ".tmp"));
  const text = `title NixOS
sort-key nixos
version Generation ${number} ${label}, built on ${built}
linux ${kernel}
initrd ${initrd}
options init=${closure}/init 
machine-id ${readFileSync("/etc/machine-id", "utf8").trim()}
`;
  writeFileSync(temporary, text);
  renameSync(temporary, join(ENTRIES, entry));
}

/** One that was left by an installation that was cut off makes each later one fail: the real one opens it as a new file, too. */
function writeLoaderConf({ entry }: Generation): void {
  const temporary = join(LOADER, "loader.tmp");
  writeFileSync(openSync(temporary, "wx"), `timeout 0\ndefault ${entry}\neditor 0\nconsole-mode keep\n`);
  while (existsSync(HOLD)) {
    writeFileSync(join(dirname(HOLD), "at-installer"), "");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  renameSync(temporary, join(LOADER, "loader.conf"));
}
