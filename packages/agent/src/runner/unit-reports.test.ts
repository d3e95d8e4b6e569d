import { expect, test } from "vitest";
import { judgeFailedUnits, type UnitReport } from "../platforms/failed-units.ts";
import { createUnitReports } from "./unit-reports.ts";

/**
 * Output of real programs, from their sources: switch-to-configuration-ng (main.rs of nixpkgs 0145c6da, 2026) and the Perl program before it
 * (switch-to-configuration.pl of nixpkgs 037eeee3, and b12dfdbc of 2024), which lets systemctl speak (its
 * words are the same in 252, 257 and 262). To hold them against newer ones: search both for `exit`, `4` and `eprintln!`, and systemd's
 * bus-wait-for-jobs.c.
 */
function report(text: string): UnitReport {
  const reports = createUnitReports();
  for (const line of text.trim().split("\n")) reports.readLine(line.trim());
  return reports.report();
}

const nothing: UnitReport = { units: [], users: [], scriptFailed: false };

test.for([
  [
    "-ng: units that failed, one of them in auto-restart",
    `activating the configuration...
     setting up /etc...
     restarting sysinit-reactivation.target
     starting the following units: web.service
     the following new units were started: NetworkManager-dispatcher.service
     warning: the following units failed: database.service, persist-etc-machine\\x2did.service
     × database.service - Database`,
    { units: ["database.service", "persist-etc-machine\\x2did.service"] },
  ],
  [
    "-ng: a job that ended in a timeout or for want of a dependency",
    "Failed to start backup.service\nFailed to restart web@1.service\nFailed to reload nginx.service: Unit nginx.service is not active",
    { units: ["backup.service", "web@1.service", "nginx.service"] },
  ],
  [
    "-ng: a user's unit, named",
    `reloading user units for ada...
     Failed to restart user unit sync.service
     warning: the following user units failed: sync.service
     See \`systemctl --user status sync.service\` for details.
     warning: user activation for ada failed`,
    { units: ["sync.service"] },
  ],
  [
    "-ng: a user's units, not named",
    "reloading user units for ada...\nwarning: user activation for ada failed",
    { users: ["ada"] },
  ],
  [
    "-ng: two users, of whom one has a unit that is named",
    "warning: the following user units failed: sync.service\nwarning: user activation for ada failed\nwarning: user activation for bo failed",
    { units: ["sync.service"], users: ["bo"] },
  ],
  [
    "-ng: a script that failed, behind units that failed too",
    "Failed to run activate script\nwarning: the following units failed: a.service",
    {
      units: ["a.service"],
      scriptFailed: true,
    },
  ],
  ["NixOS' activation script", "Activation script snippet 'persist-files' failed (1)", { scriptFailed: true }],
  [
    "Perl: systemctl's own words",
    `Job for database.service failed because the control process exited with error code.
     See "systemctl status database.service" and "journalctl -xeu database.service" for details.
     A dependency job for web.service failed. See 'journalctl -xe' for details.
     Failed to start mail.service: Unit mail.service not found.
     Job for slow.service canceled.
     Job for slower.service timed out.
     Assertion failed on job for disk.mount.
     nginx.service is not active, cannot reload.`,
    {
      units: [
        ...["database.service", "web.service", "mail.service", "slow.service"],
        ...["slower.service", "disk.mount", "nginx.service"],
      ],
    },
  ],
  ["nothing of the kind", "starting the following units: web.service\nFailed to stop swapping to /dev/sda2: busy", {}],
] as const)("R63: what an activation says about units, %s", ([, text, expected]) => {
  expect(report(text)).toEqual({ ...nothing, ...expected });
});

const judge = (change: Partial<Parameters<typeof judgeFailedUnits>[0]>) =>
  judgeFailedUnits({ before: ["old.service"], now: [], ignored: ["flaky"], reported: nothing, ...change });

test.for([
  ["a unit has failed that had not", { now: ["old.service", "web.service"] }, "units-failed"],
  [
    "only what had failed before has failed again",
    { now: ["old.service"], reported: { ...nothing, units: ["old.service"] } },
    undefined,
  ],
  ["only what may fail has", { now: ["flaky.service"], reported: { ...nothing, units: ["flaky.service"] } }, undefined],
  ["a job failed whose unit is in no list", { reported: { ...nothing, units: ["backup.service"] } }, "units-failed"],
  ["it was named, and may fail", { reported: { ...nothing, units: ["flaky.service"] } }, undefined],
  ["a user's units were not switched", { reported: { ...nothing, users: ["ada"] } }, "units-failed"],
  ["its own script failed", { now: ["old.service"], reported: { ...nothing, scriptFailed: true } }, "activation-failed"],
  ["nothing explains it", {}, "units-failed"],
  ["systemd is silent, and nothing was named", { now: undefined }, "units-failed"],
  ["it is not known what had failed before", { before: null, now: ["old.service"] }, "units-failed"],
] as const)("R63: an activation that ends with 4: %s", ([, change, code]) => {
  const verdict = judge(change);
  expect(verdict.kind === "failed" ? verdict.code : undefined).toBe(code);
});
