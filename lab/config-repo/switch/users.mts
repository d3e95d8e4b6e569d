import { join } from "node:path";
import { type Plan, planSwitch } from "./plan.mts";
import { createSystemd, readOutput, type Systemd, say, sortNames, tell } from "./systemd.mts";
import { compareDirectories, readUnit } from "./unit-directory.mts";

const UNITS = "etc/systemd/user";

/** Users whose service managers run, as logind lists them. */
function listUsers(): { uid: number; name: string }[] {
  const manager = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];
  const stdout = readOutput("busctl", "--json=short", "call", ...manager, "ListUsers");
  const [users = []] = (JSON.parse(stdout) as { data: [number, string, string][][] }).data;
  return users.map(([uid, name]) => ({ uid, name }));
}

/**
 * Switches the units that the configuration gives to all users, in each user's own service manager. Returns whether all went well.
 * The old closure is named, since /etc is the new one's by now.
 */
export async function switchUsers(oldToplevel: string, toplevel: string): Promise<boolean> {
  let good = true;
  for (const { uid, name } of listUsers()) {
    say(`reloading user units for ${name}...`);
    const command = ["runuser", "-u", name, "--", "env", `XDG_RUNTIME_DIR=/run/user/${uid}`, "systemctl", "--user"] as const;
    const systemd = createSystemd([...command], "user unit ");
    const next = join(toplevel, UNITS);
    const units = compareDirectories(systemd.list(), join(oldToplevel, UNITS), next);
    const plan = planSwitch(units, (unit) => readUnit(next, unit) !== undefined);
    if (await switchUser(systemd, plan)) continue;
    say(`warning: user activation for ${name} failed`);
    good = false;
  }
  return good;
}

async function switchUser(systemd: Systemd, { stop, skip, reload, restart, start, quiet }: Plan): Promise<boolean> {
  const failed: string[] = [];
  const jobs = async (verb: "reload" | "restart" | "start", doing: string, units: readonly string[]) => {
    tell(
      `${doing} the following user units`,
      units.filter((name) => !quiet.has(name)),
    );
    for (const unit of units) if (!(await systemd.jobs(verb, [unit]))) failed.push(unit);
  };
  tell("stopping the following user units", stop);
  await systemd.jobs("stop", stop);
  tell("NOT restarting the following user units", skip);
  systemd.run("daemon-reexec");
  systemd.run("reset-failed");
  systemd.run("daemon-reload");
  await jobs("reload", "reloading", reload);
  await jobs("restart", "restarting", restart);
  await jobs("start", "starting", start);
  if (failed.length === 0) return true;
  say(`warning: the following user units failed: ${sortNames(failed).join(", ")}`);
  say(`See \`systemctl --user status ${sortNames(failed).join(" ")}\` for details.`);
  return false;
}
