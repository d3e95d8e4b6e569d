import { join, resolve } from "node:path";

/** The checkout that this demo is part of. */
export const checkout = resolve(import.meta.dirname, "../..");

/** Everything that the demo writes. `make clean` removes it. */
export interface Places {
  readonly root: string;
  readonly lock: string;
  readonly memory: string;
  readonly dashboard: string;
  readonly standIn: string;
  /** While this file is there, the demo's builds do not wait. */
  readonly quickly: string;
  log(program: string): string;
  host(name: string): string;
}

export function createPlaces(directory = join(checkout, ".demo")): Places {
  const root = resolve(directory);
  return {
    root,
    lock: join(root, "lock"),
    memory: join(root, "memory.json"),
    dashboard: join(root, "dashboard"),
    standIn: join(root, "stand-in"),
    quickly: join(root, "quickly"),
    log: (program) => join(root, "logs", `${program}.log`),
    host: (name) => join(root, "hosts", name),
  };
}
