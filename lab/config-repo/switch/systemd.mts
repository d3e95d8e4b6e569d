import { spawn, spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** One service manager, system-wide or a user's, by the words before `systemctl`'s own arguments. */
export interface Systemd {
  /** `Failed to start UNIT`, or what the user's says. */
  readonly noun: string;
  run(...args: readonly string[]): number;
  list(): ListedUnit[];
  /** Submits a job for each unit at once and waits for all of them. Says which failed. */
  jobs(verb: "stop" | "start" | "restart" | "reload", units: readonly string[]): Promise<boolean>;
  show(unit: string, property: string): string;
}

export interface ListedUnit {
  readonly name: string;
  /** `active`, `activating`, `failed`, …; `inactive` ones are not listed. */
  readonly active: string;
  readonly sub: string;
}

export const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

/** Runs a program whose output is this one's. */
export function program(name: string, ...args: readonly string[]): number {
  return spawnSync(name, args, { stdio: "inherit" }).status ?? 1;
}

/** Runs a program and returns what it prints. */
export const readOutput = (name: string, ...args: readonly string[]) => spawnSync(name, args, { encoding: "utf8" }).stdout;

export function createSystemd(command: readonly [string, ...string[]], noun = ""): Systemd {
  const [name, ...before] = command;
  const read = (...args: readonly string[]) => readOutput(name, ...before, ...args);
  return {
    noun,
    run: (...args) => program(name, ...before, ...args),
    list() {
      const units = JSON.parse(read("list-units", "--full", "--output=json")) as { unit: string; active: string; sub: string }[];
      return units.map(({ unit, active, sub }) => ({ name: unit, active, sub })).filter(({ active }) => active !== "inactive");
    },
    async jobs(verb, units) {
      const ended = await Promise.all(
        units.map(async (unit) => {
          const child = spawn(name, [...before, verb, "--", unit], { stdio: "ignore" });
          const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
          return code === 0;
        }),
      );
      // A stop that fails is not spoken of.
      const failed = units.filter((_, index) => !ended[index] && verb !== "stop");
      for (const unit of failed) say(`Failed to ${verb} ${noun}${unit}`);
      return failed.length === 0;
    },
    show: (unit, property) => read("show", `--property=${property}`, "--value", unit).trim(),
  };
}

/**
 * Waits until systemd is quiet: what was started may fail a moment later. The real program listens on the bus, and goes on when
 * a quarter of a second has brought no message, after 90 seconds at the latest.
 */
export async function untilQuiet(systemd: Systemd): Promise<void> {
  const limit = Date.now() + 90_000;
  const look = () => JSON.stringify([systemd.list(), systemd.show("*.service", "NRestarts")]);
  for (let before = ""; Date.now() < limit; ) {
    await sleep(250);
    const now = look();
    if (now === before) return;
    before = now;
  }
}

export function tell(words: string, names: Iterable<string>): void {
  const sorted = sortNames(names);
  if (sorted.length > 0) say(`${words}: ${sorted.join(", ")}`);
}

/** As the real program lists them: by their names in lower case. */
export function sortNames(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}
