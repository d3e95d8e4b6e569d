import type { UnitReport } from "../platforms/failed-units.ts";

/** Reads what an activation prints about units. */
export interface UnitReports {
  readLine(text: string): void;
  report(): UnitReport;
}

const MOST = 200;

/** The end of a run, where switch-to-configuration lists what failed: of the system, and since 26.05 of each user. */
const LISTED = /^warning: the following (user )?units failed: (.+)$/;
/**
 * One job that failed: in the words of switch-to-configuration-ng (main.rs of nixpkgs 0145c6da, 2026), of the Perl program (until 25.05), which
 * lets systemctl speak, and of systemctl itself.
 */
const JOBS = [
  /^Failed to (?:start|stop|restart|reload) (?:user unit )?([\w@.:\\-]+\.[a-z]+)(?::|$)/,
  /^(?:Job|A dependency job) for ([\w@.:\\-]+\.[a-z]+) (?:failed|timed out|canceled)/,
  /^Assertion failed on job for ([\w@.:\\-]+\.[a-z]+)\.$/,
  /^([\w@.:\\-]+\.[a-z]+) is not active, cannot reload\.$/,
];
const USER = /^warning: user activation for (\S+) failed$/;
/** Its exit code 2 is overwritten by the one for failed units. */
const SCRIPT = /^(?:Failed to run activate script|Activation script snippet '.*' failed \(\d+\))$/;

export function createUnitReports(): UnitReports {
  const units = new Set<string>();
  const users = new Set<string>();
  let scriptFailed = false;
  let hasUserUnits = false;
  const add = (unit: string) => {
    if (units.size < MOST) units.add(unit);
  };
  return {
    readLine(text) {
      const listed = LISTED.exec(text);
      if (listed !== null) {
        if (listed[1] !== undefined) hasUserUnits = true;
        for (const unit of (listed[2] ?? "").split(", ")) add(unit.trim());
        return;
      }
      for (const pattern of JOBS) {
        const unit = pattern.exec(text)?.[1];
        if (unit === undefined) continue;
        if (text.includes(" user unit ")) hasUserUnits = true;
        add(unit);
      }
      const user = USER.exec(text)?.[1];
      if (user !== undefined && !hasUserUnits && users.size < MOST) users.add(user);
      if (user !== undefined) hasUserUnits = false;
      if (SCRIPT.test(text)) scriptFailed = true;
    },
    report: () => ({ units: [...units], users: [...users], scriptFailed }),
  };
}
