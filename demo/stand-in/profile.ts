import { mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** `nix-env --profile <profile> --set <closure>`: a new generation, unless the current one is that closure already. */
export function setProfile(profile: string, closure: string): void {
  const folder = dirname(profile);
  const name = basename(profile);
  mkdirSync(folder, { recursive: true });
  const links = readdirSync(folder);
  const current = links.includes(name) ? readlinkSync(profile) : undefined;
  if (current !== undefined && readlinkSync(join(folder, current)) === closure) return;
  const numbers = links.map((link) => Number(new RegExp(`^${name}-(\\d+)-link$`).exec(link)?.[1] ?? 0));
  const generation = `${name}-${Math.max(0, ...numbers) + 1}-link`;
  symlinkSync(closure, join(folder, generation));
  pointTo(profile, generation);
}

/** `nix-env --profile <profile> --switch-generation <number>`. Throws when there is no such generation. */
export function switchGeneration(profile: string, number: string): void {
  const generation = `${basename(profile)}-${number}-link`;
  readlinkSync(join(dirname(profile), generation));
  pointTo(profile, generation);
}

function pointTo(profile: string, generation: string): void {
  const temporary = join(dirname(profile), `.${basename(profile)}.${process.pid}`);
  symlinkSync(generation, temporary);
  renameSync(temporary, profile);
}
