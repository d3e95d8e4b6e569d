import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { ActiveUnit } from "./plan.mts";
import type { ListedUnit } from "./systemd.mts";
import { parseUnit, type UnitFile } from "./unit-file.mts";

/** A unit of a configuration, or of the template that it is an instance of; nothing if it is not there, or masked. */
export function readUnit(directory: string, name: string): UnitFile | undefined {
  for (const file of [name, name.replace(/^(.*)@[^.]*\.(.*)$/, "$1@.$2")]) {
    const path = join(directory, file);
    if (!existsSync(path) || realpathSync(path) === "/dev/null") continue;
    const dropIns = existsSync(`${path}.d`) ? readdirSync(`${path}.d`).filter((one) => one.endsWith(".conf")) : [];
    const paths = [path, ...dropIns.sort().map((one) => join(`${path}.d`, one))];
    return parseUnit(...paths.map((one) => readFileSync(one, "utf8")));
  }
  return undefined;
}

/** What runs, in the configuration that runs and in the next one. A unit that is from neither is nobody's business. */
export function compareDirectories(units: readonly ListedUnit[], current: string, next: string): ActiveUnit[] {
  return units.map(({ name, active }) => ({ name, active, current: readUnit(current, name), next: readUnit(next, name) }));
}
